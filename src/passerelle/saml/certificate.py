"""Certificates of identity providers: the keys in them are what a connection trusts."""

import base64
import re
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from passerelle.saml.errors import CertificateError
from passerelle.saml.xml import decode_base64

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
MIN_RSA_BITS = 2048
CURVES = ("secp256r1", "secp384r1", "secp521r1")
# No hyphen inside, or a text of many beginnings without an end would take quadratic time.
_PEM = re.compile(
    r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([^-]+)"
    r"-----END (?:X509 |TRUSTED )?CERTIFICATE-----"
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One signing certificate. Trust is in the key; the dates are shown to people."""

    der: bytes
    public_key: PublicKey
    fingerprint: str
    subject: str
    not_before: datetime
    not_after: datetime

    @property
    def pem(self) -> str:
        body = base64.encodebytes(self.der).decode().replace("\n", "")
        lines = [body[start : start + 64] for start in range(0, len(body), 64)]
        return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def fingerprint_of(der: bytes) -> str:
    """SHA-256 of the DER form, as consoles show it: `4F:9A:…`."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(der)
    return digest.finalize().hex(":").upper()


def load_certificate(source: str | bytes) -> Certificate:
    """Read one certificate: PEM, its bare base64, or DER.

    Raises CertificateError: certificate_malformed, certificate_key_weak.
    """
    der = source if isinstance(source, bytes) and source[:1] == b"\x30" else _der_of(source)
    try:
        loaded = x509.load_der_x509_certificate(der)
        key = loaded.public_key()
        subject = loaded.subject.rfc4514_string()
        not_before, not_after = loaded.not_valid_before_utc, loaded.not_valid_after_utc
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise _malformed("a document that is not an X.509 certificate") from error
    return Certificate(
        der=der,
        public_key=_strong(key),
        fingerprint=fingerprint_of(der),
        subject=subject,
        not_before=not_before,
        not_after=not_after,
    )


def load_certificates(source: str | bytes) -> tuple[Certificate, ...]:
    """Read every certificate of a PEM file, in its order."""
    text = source if isinstance(source, str) else source.decode("latin-1")
    blocks = _PEM.findall(text)
    return tuple(load_certificate(block) for block in blocks) or (load_certificate(source),)


def _der_of(source: str | bytes) -> bytes:
    text = source if isinstance(source, str) else source.decode("latin-1")
    block = _PEM.search(text)
    if block is None and "-----BEGIN" in text:
        raise _malformed(text.strip().splitlines()[0][:60])
    try:
        return decode_base64(block[1] if block else text)
    except ValueError:
        raise _malformed("text that is not base64") from None


def _strong(key: object) -> PublicKey:
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
        return key
    received = type(key).__name__
    if isinstance(key, rsa.RSAPublicKey):
        received = f"RSA, {key.key_size} bits"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        received = f"curve {key.curve.name}"
    raise CertificateError(
        "certificate_key_weak",
        expected="an RSA key of at least 2048 bits, or a key on P-256, P-384 or P-521",
        received=received,
    )


def _malformed(received: str) -> CertificateError:
    return CertificateError(
        "certificate_malformed",
        expected="an X.509 certificate in PEM form (-----BEGIN CERTIFICATE-----)",
        received=received,
    )


def self_signed(
    key: PrivateKey, *, name: str, serial: int, not_before: datetime, not_after: datetime
) -> bytes:
    """A certificate (DER) for a key of ours, signed by itself: it only carries the key."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.DER)


def load_private_key(pem: bytes) -> PrivateKey:
    """Read an unencrypted private key in PEM form. Raises CertificateError."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError(
            "key_malformed", expected="an unencrypted private key in PEM form", received="no such"
        ) from error
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise CertificateError(
            "key_malformed", expected="an RSA or EC key", received=type(key).__name__
        )
    return key
