"""Throw-away keys with their certificates, made once a session: RSA keys are slow to make."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.oid import NameOID

from passerelle import saml

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | dsa.DSAPrivateKey

CURVES: dict[str, ec.EllipticCurve] = {
    "p256": ec.SECP256R1(),
    "p384": ec.SECP384R1(),
    "p521": ec.SECP521R1(),
    "p256k": ec.SECP256K1(),
}
RSA_BITS = {"rsa": 2048, "stranger": 2048, "ours": 2048, "next": 2048, "weak": 1024}


@dataclass(frozen=True, slots=True)
class KeyPair:
    private: PrivateKey
    der: bytes

    @property
    def certificate(self) -> saml.Certificate:
        return saml.load_certificate(self.der)

    @property
    def pem(self) -> bytes:
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def certificate_pem(self) -> bytes:
        loaded = x509.load_der_x509_certificate(self.der)
        return loaded.public_bytes(serialization.Encoding.PEM)

    @property
    def public_pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def key_pair(kind: str = "rsa") -> KeyPair:
    """A key by kind: `rsa` signs for our identity provider, `stranger` for nobody we know.

    `ours` is what identity providers encrypt for, `next` its successor.
    """
    return _made(kind)


@cache
def _made(kind: str) -> KeyPair:
    private: PrivateKey
    if kind == "dsa":
        private = dsa.generate_private_key(2048)
    elif kind in CURVES:
        private = ec.generate_private_key(CURVES[kind])
    else:
        private = rsa.generate_private_key(65537, RSA_BITS[kind])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{kind} of idp.example")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2029, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2039, 1, 1, tzinfo=UTC))
        # Any strong key may sign for one that OpenSSL would rather not use.
        .sign(private if kind not in ("dsa", "weak") else key_pair().private, hashes.SHA256())
    )
    return KeyPair(private, certificate.public_bytes(serialization.Encoding.DER))


def issued(
    name: str, issuer: str, kind: str = "rsa", *, by: str = "rsa", extra: bytes = b""
) -> bytes:
    """A certificate (DER) for a key, under another's name."""
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer)]
    builder = (
        x509.CertificateBuilder()
        .subject_name(names[0])
        .issuer_name(names[1])
        .public_key(key_pair(kind).private.public_key())
        .serial_number(7)
        .not_valid_before(datetime(2029, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2039, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if extra:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), extra)
        builder = builder.add_extension(unknown, critical=False)
    return builder.sign(key_pair(by).private, hashes.SHA256()).public_bytes(
        serialization.Encoding.DER
    )
