"""Our private keys of a connection: made, sealed, rotated with overlap."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import transaction

from passerelle import saml
from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.infra.identifiers import uuid7
from passerelle.infra.memory import Remembered
from passerelle.infra.sealing import CannotUnseal, seal, unseal
from passerelle.saml.certificate import PrivateKey, load_private_key, self_signed
from passerelle.sso.connections.connection import locked
from passerelle.sso.models import ConnectionKey, SamlConnection

log = logging.getLogger("passerelle")

MAX_KEYS = 4
"""In use at once: each is tried on what is encrypted."""
VALIDITY = timedelta(days=3650)
"""Of the certificate: identity providers want dates, trust is in the key."""
MOST_MADE, WITHIN = 3, timedelta(minutes=10)
"""Of one connection: each takes a moment of a core, and all that are published are read."""
OVERLAP = timedelta(days=14)
"""After a rotation the old key signs this long, and decrypts twice as long."""


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A key of ours, ready for use."""

    private: PrivateKey
    certificate: saml.Certificate
    signs_from: datetime
    retires_at: datetime | None

    @property
    def signer(self) -> saml.Signer:
        return saml.Signer(self.private, self.certificate.der)


_keys: Remembered[UUID, tuple[OwnKey, ...]] = Remembered()


def own_keys(connection: SamlConnection, *, now: datetime) -> tuple[OwnKey, ...]:
    """The keys that did not retire and can be read, the newest first."""

    def read() -> tuple[OwnKey, ...]:
        rows = connection.keys.exclude(retires_at__lte=now)
        return tuple(key for row in rows if (key := _unsealed(row)))

    found = _keys.get(connection.id, connection.company.version, read)
    if not found:
        # Another worker may be making the first one.
        _keys.forget(connection.id)
    return tuple(one for one in found if one.retires_at is None or one.retires_at > now)


def signing_key(connection: SamlConnection, *, now: datetime) -> OwnKey | None:
    """The key that signs now, made where there is none yet; None where none can be read.

    Another one is not made by itself then: whoever moved the secret key may bring it back.
    """
    keys = own_keys(connection, now=now)
    if not keys:
        make_key(connection, now=now)
        keys = own_keys(connection, now=now)
    signing = [key for key in keys if key.signs_from <= now]
    return next(iter(signing or keys[-1:]), None)


def lost_keys(*, now: datetime) -> list[ConnectionKey]:
    """Keys in use that cannot be read any more: sealed with another secret key."""
    in_use = ConnectionKey.objects.exclude(retires_at__lte=now).select_related("connection")
    return [row for row in in_use if _unsealed(row) is None]


def _unsealed(row: ConnectionKey) -> OwnKey | None:
    try:
        pem = unseal(row.sealed_private_key, purpose=_purpose(row))
    except CannotUnseal:
        log.error("the key %s cannot be read: was the secret key changed?", row.fingerprint)
        return None
    certificate = saml.load_certificate(row.certificate_pem)
    return OwnKey(load_private_key(pem), certificate, row.signs_from, row.retires_at)


def _purpose(row: ConnectionKey) -> str:
    return f"private key {row.id} of connection {row.connection_id}"


def new_private_key() -> rsa.RSAPrivateKey:
    """A key for `rotate_key`, made before it: it takes a moment, in which no lock is held."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def make_key(connection: SamlConnection, *, now: datetime) -> None:
    """Make the first key, which signs at once; nothing where somebody was quicker."""
    if connection.keys.exists():
        return
    private = new_private_key()
    with transaction.atomic():
        if locked(connection).keys.exists():
            return
        _insert(connection, private, now=now, signs_from=now)
        # Nobody's settings change by it: forms that are open stay valid.
        _keys.forget(connection.id)


def make_key_after(connection: SamlConnection, *, now: datetime) -> None:
    """The same once this transaction is over: the company's row is locked until then.

    Where it fails, the key is made when it is first needed.
    """
    transaction.on_commit(partial(make_key, connection, now=now), robust=True)


class TooSoon(Exception):  # noqa: N818 - reads as what is the matter
    """As many keys as may be were made lately: another one is made in ten minutes."""


def stop_if_too_soon(connection: SamlConnection, *, now: datetime) -> None:
    """Raises TooSoon. Asked before a key is made, and again behind the lock."""
    # Those of requests that began a little later count too; those of a clock that was wrong do not.
    lately = connection.keys.filter(created_at__gt=now - WITHIN, created_at__lt=now + WITHIN)
    if lately.count() >= MOST_MADE:
        raise TooSoon


@transaction.atomic
def rotate_key(
    connection: SamlConnection, private: rsa.RSAPrivateKey, *, actor: Actor, now: datetime
) -> None:
    """Put a new key beside the old ones, which then retire in their time, or at once if lost.

    The new key is published, and decrypts, at once. It signs once identity providers had time to
    read it; the old key decrypts until they have changed over. Raises TooSoon.
    """
    keys = locked(connection).keys
    stop_if_too_soon(connection, now=now)
    old = list(keys.filter(retires_at=None))
    readable = [row.id for row in old if _unsealed(row)]
    signs_from = now + OVERLAP if readable else now
    keys.filter(retires_at=None).exclude(id__in=readable).update(retires_at=now)
    keys.filter(id__in=readable).update(retires_at=now + 2 * OVERLAP)
    new = _insert(connection, private, now=now, signs_from=signs_from)
    for row in keys.exclude(retires_at__lte=now)[MAX_KEYS:]:
        keys.filter(id=row.id).update(retires_at=now)
    connection.company.raise_version()
    details = {"fingerprint": new.fingerprint, "signs_from": signs_from.isoformat()}
    entry = Entry(EventName.KEY_ROTATED, connection.name, details)
    record([entry], company_id=connection.company_id, actor=actor, now=now)


def _insert(
    connection: SamlConnection, private: rsa.RSAPrivateKey, *, now: datetime, signs_from: datetime
) -> ConnectionKey:
    der = self_signed(
        private,
        name=f"Passerelle {connection.slug}",
        serial=x509.random_serial_number(),
        not_before=now - timedelta(days=1),
        not_after=now + VALIDITY,
    )
    certificate = saml.load_certificate(der)
    row = ConnectionKey(
        id=uuid7(),
        company_id=connection.company_id,
        connection=connection,
        certificate_pem=certificate.pem,
        fingerprint=certificate.fingerprint,
        created_at=now,
        signs_from=signs_from,
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    row.sealed_private_key = seal(pem, purpose=_purpose(row))
    row.save(force_insert=True)
    return row
