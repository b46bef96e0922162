"""Certificates of identity providers: the keys in them are what a connection trusts."""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from passerelle.saml import der as encoding
from passerelle.saml import mistaken
from passerelle.saml.errors import CertificateError, MessageError
from passerelle.saml.xml import decode_base64

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
MIN_RSA_BITS = 2048
MAX_DER = 20_000
"""Bytes of one certificate: those in use have one to three thousand, and each is kept whole."""
CURVES = ("secp256r1", "secp384r1", "secp521r1")
# No hyphen inside, or a text of many beginnings without an end would take quadratic time.
_PEM = re.compile(
    r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([^-]+)"
    r"-----END (?:X509 |TRUSTED )?CERTIFICATE-----"
)
_PEM_BEGINNING = re.compile(r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----")
# Line ends as JSON and shells write them, and characters without width that copying leaves behind.
_NOT_MEANT = re.compile(r"\\[rn]|[\u200b-\u200d\u2060\ufeff]")
# RSA with SHA-256 and an empty signature: what stands in the place of a signature nobody checks.
_ANY_ALGORITHM = bytes.fromhex("300d06092a864886f70d01010b0500")
_ANY_SERIAL = bytes.fromhex("020101")
_NO_SIGNATURE = bytes.fromhex("030100")


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


class UnknownCertificate(MessageError):  # noqa: N818 - reads as what is the matter
    """A key signed that is not trusted; `certificate` is the one that came with the signature."""

    def __init__(self, certificate: Certificate, *, trusted: str) -> None:
        super().__init__(
            "certificate_unknown",
            expected=trusted,
            received=certificate.fingerprint,
            subject=certificate.subject,
            not_after=certificate.not_after.date().isoformat(),
        )
        self.certificate = certificate


def fingerprint_of(der: bytes) -> str:
    """SHA-256 of the DER form, as consoles show it: `4F:9A:…`."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(der)
    return digest.finalize().hex(":").upper()


class Certificates(NamedTuple):
    """The certificates that sign, of several; and why others, that cannot be used, do not."""

    usable: tuple[Certificate, ...]
    left_out: tuple[CertificateError, ...]


class _Read(NamedTuple):
    """A certificate before anybody asks how strong its key is."""

    der: bytes
    key: object
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime

    def trusted(self) -> Certificate:
        return Certificate(
            der=self.der,
            public_key=_strong(self.key),
            fingerprint=fingerprint_of(self.der),
            subject=self.subject,
            not_before=self.not_before,
            not_after=self.not_after,
        )


def load_certificate(source: str | bytes) -> Certificate:
    """Read one certificate: PEM, its bare base64, or DER.

    Raises CertificateError: certificate_malformed, certificate_key_weak, or for what is something
    else, the reason that `mistaken` has for it.
    """
    return _read(source).trusted()


def load_certificates(source: str | bytes) -> tuple[Certificate, ...]:
    """The certificates of a PEM file that sign. Raises CertificateError where there are none."""
    return load_bundle(source).usable


def load_bundle(source: str | bytes) -> Certificates:
    """Read the certificates of a PEM file in their order, and why others of it cannot be used.

    Raises CertificateError where none can be used.
    """
    text = _meant(mistaken.text_of(source))
    blocks, beginnings = _PEM.findall(text), _PEM_BEGINNING.findall(text)
    if len(beginnings) < 2:
        return Certificates((load_certificate(source),), ())
    found = load_chain(blocks)
    if len(beginnings) > len(blocks):
        unended = _malformed(mistaken.Mistake("certificate_no_end", beginnings[-1]))
        found = found._replace(left_out=(*found.left_out, unended))
    if not found.usable:
        raise found.left_out[0]
    return found


def load_chain(sources: Iterable[str | bytes]) -> Certificates:
    """Of certificates that came together, those that issued none of the others.

    An authority that came along to vouch for a key must not sign people in itself. Certificates
    that cannot be used are left out, each with its reason.
    """
    read, usable, left_out = [], [], []
    for number, source in enumerate(sources, 1):
        try:
            read.append(_read(source))
        except CertificateError as error:
            left_out.append(_about(error, f"certificate {number}"))
    # By name: an authority that was renewed has the name that the certificate was issued under.
    issuers = {one.issuer for one in read if one.issuer != one.subject}
    for one in [one for one in read if one.subject not in issuers] or read:
        try:
            usable.append(one.trusted())
        except CertificateError as error:
            left_out.append(_about(error, one.subject or fingerprint_of(one.der)))
    return Certificates(tuple(usable), tuple(left_out))


def _about(error: CertificateError, name: str) -> CertificateError:
    """The same reason, with which one of several it is about."""
    received = f"{error.received} ({name})"
    return CertificateError(error.reason, expected=error.expected, received=received)


def _read(source: str | bytes) -> _Read:
    # A sequence of more than 127 bytes; the first of them alone is the digit 0 of a text.
    is_der = isinstance(source, bytes) and source[:1] == b"\x30" and source[1:2] >= b"\x80"
    der = source if isinstance(source, bytes) and is_der else _der_of(source)
    if len(der) > MAX_DER:
        too_large = mistaken.Mistake("certificate_too_large", f"{len(der)} bytes")
        raise _malformed(mistaken.instead_of_certificate_der(der) or too_large)
    try:
        loaded = x509.load_der_x509_certificate(_plain(der))
        return _Read(
            der,
            loaded.public_key(),
            loaded.subject.rfc4514_string(),
            loaded.issuer.rfc4514_string(),
            loaded.not_valid_before_utc,
            loaded.not_valid_after_utc,
        )
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise _malformed(
            mistaken.instead_of_certificate_der(der)
            or "a document that is not an X.509 certificate"
        ) from error


def _plain(der: bytes) -> bytes:
    """A certificate of the same names, dates and key, and nothing besides. Raises ValueError.

    Trust is in the key. What else makes a strict reader refuse a certificate, such as an extension
    that says `critical=FALSE` in so many words or a serial number of 0, does not change the key.
    """
    body, _algorithm, _signature = encoding.split(encoding.inside(der))
    parts = encoding.split(encoding.inside(body))
    version = parts[:1] if parts[:1] and parts[0][:1] == b"\xa0" else []
    _serial, _algorithm, issuer, dates, subject, key, *_more = parts[len(version) :]
    kept = [*version, _ANY_SERIAL, _ANY_ALGORITHM, issuer, dates, subject, key]
    plain = encoding.element(b"".join(kept))
    return encoding.element(plain + _ANY_ALGORITHM + _NO_SIGNATURE)


def _meant(text: str) -> str:
    """The text without what copying has put into it."""
    return _NOT_MEANT.sub("\n", text)


def _der_of(source: str | bytes) -> bytes:
    text = _meant(mistaken.text_of(source))
    block = _PEM.search(text)
    mistake = None if block else mistaken.instead_of_certificate(text)
    if mistake is not None:
        raise _malformed(mistake)
    if block is None and "-----BEGIN" in text:
        raise _malformed(text.strip().splitlines()[0][:60])
    try:
        # No white space counts, be it that of a web page.
        return decode_base64("".join((block[1] if block else text).split()))
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


def _malformed(received: str | mistaken.Mistake) -> CertificateError:
    if isinstance(received, str):
        received = mistaken.Mistake("certificate_malformed", received)
    return CertificateError(
        received.reason,
        expected="an X.509 certificate in PEM form (-----BEGIN CERTIFICATE-----)",
        received=received.received,
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
