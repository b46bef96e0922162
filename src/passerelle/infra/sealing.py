"""Secrets at rest: sealed with a key that is not in the database, for one row only."""

import base64
import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

VERSION = "v1"


class CannotUnseal(Exception):  # noqa: N818 - reads as what is the matter
    """Sealed with another secret key, for another row, or changed."""


def seal(secret: bytes, *, purpose: str) -> str:
    """Encrypt (AES-256-GCM). `purpose` names the row: moved to another, it is worthless."""
    nonce = secrets.token_bytes(12)
    sealed = nonce + AESGCM(_key()).encrypt(nonce, secret, purpose.encode())
    return f"{VERSION}:{base64.b64encode(sealed).decode()}"


def unseal(text: str, *, purpose: str) -> bytes:
    """Raises CannotUnseal."""
    version, _, encoded = text.partition(":")
    try:
        sealed = base64.b64decode(encoded, validate=True)
        if version != VERSION:
            raise ValueError(version)
        return AESGCM(_key()).decrypt(sealed[:12], sealed[12:], purpose.encode())
    except (InvalidTag, ValueError) as error:
        raise CannotUnseal from error


def _key() -> bytes:
    """Of its own, so that nothing else that is made with the secret key can stand in for it."""
    purpose = b"passerelle secrets at rest"
    return hmac.new(settings.SECRET_KEY.encode(), purpose, hashlib.sha256).digest()
