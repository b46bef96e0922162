"""The keys that sign what dashboards are told: made, sealed, rotated with overlap."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from joserfc.jwk import ECKey, KeySet, RSAKey, import_key

from passerelle.infra.identifiers import uuid7
from passerelle.infra.memory import Remembered
from passerelle.infra.sealing import CannotUnseal, seal, unseal
from passerelle.oidc.models import SigningKey

log = logging.getLogger("passerelle")

LIFETIME = timedelta(days=90)
"""A key signs for so long; then the next one does, which was published well before."""
PUBLISHED_BEFORE = timedelta(days=2)
"""Longer than clients keep our list of keys."""
PUBLISHED_AFTER = timedelta(days=2)
"""Longer than anything that it has signed holds."""

Key = RSAKey | ECKey


@dataclass(frozen=True, slots=True)
class Signer:
    kid: str
    algorithm: str
    key: Key


_read: Remembered[str, list[tuple[SigningKey, Key | None]]] = Remembered()


def _keys(now: datetime) -> list[tuple[SigningKey, Key | None]]:
    """All that are published, the newest first; read anew each minute."""

    def read() -> list[tuple[SigningKey, Key | None]]:
        return [(row, _unsealed(row)) for row in SigningKey.objects.exclude(retires_at__lte=now)]

    return _read.get("keys", int(now.timestamp()) // 60, read)


def _unsealed(row: SigningKey) -> Key | None:
    try:
        pem = unseal(row.sealed_private_key, purpose=f"signing key {row.id}")
    except CannotUnseal:
        log.error("the signing key %s cannot be read: was the secret key changed?", row.id)
        return None
    if row.algorithm == SigningKey.Algorithm.RS256:
        return import_key(pem, "RSA", {"kid": str(row.id)})
    return import_key(pem, "EC", {"kid": str(row.id)})


def signer(algorithm: str, *, now: datetime) -> Signer:
    """The key that signs now; made where there is none that can be read."""
    for _ in range(2):
        for row, key in _keys(now):
            if row.algorithm == algorithm and row.signs_from <= now and key is not None:
                return Signer(str(row.id), algorithm, key)
        make_keys(now)
    raise RuntimeError(f"there is no key for {algorithm}")


def published(now: datetime) -> dict[str, Any]:
    """The JWKS document."""
    if not _keys(now):
        make_keys(now)
    return {"keys": [row.public_jwk for row, _key in _keys(now)]}


def verifying_keys(now: datetime) -> KeySet:
    """Our own public keys, for what we have signed and is brought back."""
    return KeySet.import_key_set(published(now))  # type: ignore[arg-type]


def make_keys(now: datetime) -> None:
    """For each algorithm a key that signs, and before it retires the one that comes next."""
    for algorithm in SigningKey.Algorithm.values:
        # Made before the lock, for it takes a moment; thrown away where somebody was quicker.
        if not _wanted(algorithm, now):
            continue
        new = _new(algorithm, now)
        with transaction.atomic():
            _one_at_a_time()
            newest = list(SigningKey.objects.select_for_update().filter(algorithm=algorithm))
            if (signs_from := _wanted(algorithm, now)) is None:
                continue
            new.signs_from = signs_from
            new.save(force_insert=True)
            for row in newest:
                if row.retires_at is None:
                    row.retires_at = signs_from + PUBLISHED_AFTER
                    row.save(update_fields=["retires_at"])
    forget_keys()


def _one_at_a_time() -> None:
    """The first key has no row that could be locked; SQLite lets one write at a time."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('signing keys', 0))")


def forget_keys() -> None:
    """What was read of the keys is read anew."""
    _read.forget("keys")


def _wanted(algorithm: str, now: datetime) -> datetime | None:
    """From when another key is to sign; None where none is wanted yet."""
    rows = SigningKey.objects.filter(algorithm=algorithm)
    readable = [row for row in rows if _unsealed(row) is not None]
    if not any(row.signs_from <= now for row in readable):
        return now
    newest = max(row.signs_from for row in readable)
    due = newest + LIFETIME
    return due if newest <= now and due - PUBLISHED_BEFORE <= now else None


def _new(algorithm: str, now: datetime) -> SigningKey:
    identifier = uuid7()
    parameters: Any = {"kid": str(identifier), "use": "sig", "alg": algorithm}
    key: Key
    if algorithm == SigningKey.Algorithm.RS256:
        key = RSAKey.generate_key(2048, parameters)
    else:
        key = ECKey.generate_key("P-256", parameters)
    return SigningKey(
        id=identifier,
        algorithm=algorithm,
        sealed_private_key=seal(key.as_pem(private=True), purpose=f"signing key {identifier}"),
        public_jwk={**key.as_dict(private=False), **parameters},
        created_at=now,
    )
