"""Our private keys of a connection: made, sealed, rotated with overlap."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import transaction
from django.db.models import F

from passerelle import saml
from passerelle.audit.events import EventName
from passerelle.audit.record import Actor, Entry, record
from passerelle.identifiers import uuid7
from passerelle.memory import Remembered
from passerelle.saml.certificate import PrivateKey, load_private_key, self_signed
from passerelle.sso.models import ConnectionKey, SamlConnection
from passerelle.sso.sealed import seal, unseal

VALIDITY = timedelta(days=3650)
"""Of the certificate: identity providers want dates, trust is in the key."""
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
    """The keys that did not retire, the newest first. Raises CannotUnseal."""

    def read() -> tuple[OwnKey, ...]:
        return tuple(_unsealed(row) for row in connection.keys.all())

    found = _keys.get(connection.id, connection.company.version, read)
    return tuple(one for one in found if one.retires_at is None or one.retires_at > now)


def signing_key(connection: SamlConnection, *, now: datetime) -> OwnKey:
    """The key that signs now, made where there is none yet."""
    keys = own_keys(connection, now=now)
    if not keys:
        make_key(connection, now=now)
        keys = own_keys(connection, now=now)
    return next((one for one in keys if one.signs_from <= now), keys[-1])


def _unsealed(row: ConnectionKey) -> OwnKey:
    pem = unseal(row.sealed_private_key, purpose=_purpose(row))
    certificate = saml.load_certificate(row.certificate_pem)
    return OwnKey(load_private_key(pem), certificate, row.signs_from, row.retires_at)


def _purpose(row: ConnectionKey) -> str:
    return f"private key {row.id} of connection {row.connection_id}"


@transaction.atomic
def make_key(connection: SamlConnection, *, now: datetime) -> None:
    """Make the first key, which signs at once; nothing where somebody was quicker."""
    locked = SamlConnection.objects.select_for_update().get(id=connection.id)
    if not locked.keys.exists():
        _insert(connection, now=now, signs_from=now)
        _raise_version(connection)
    connection.company.refresh_from_db(fields=["version"])


@transaction.atomic
def rotate_key(connection: SamlConnection, *, actor: Actor, now: datetime) -> None:
    """Make a new key beside the old ones, which then retire in their time.

    The new key is published, and decrypts, at once. It signs once identity providers had time to
    read it; the old key decrypts until they have changed over.
    """
    locked = SamlConnection.objects.select_for_update().get(id=connection.id)
    old = locked.keys.filter(retires_at=None)
    signs_from = now + OVERLAP if old.exists() else now
    old.update(retires_at=now + 2 * OVERLAP)
    new = _insert(connection, now=now, signs_from=signs_from)
    _raise_version(connection)
    details = {"fingerprint": new.fingerprint, "signs_from": signs_from.isoformat()}
    entry = Entry(EventName.KEY_ROTATED, connection.name, details)
    record([entry], company_id=connection.company_id, actor=actor, now=now)


def _insert(connection: SamlConnection, *, now: datetime, signs_from: datetime) -> ConnectionKey:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
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


def _raise_version(connection: SamlConnection) -> None:
    """Every worker reads the keys anew at its next request."""
    company = connection.company
    type(company).objects.filter(id=company.id).update(version=F("version") + 1)
    company.refresh_from_db(fields=["version"])
