"""Reading certificates and keys: every common form, and a named refusal for all the rest."""

import base64
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from passerelle import saml
from passerelle.saml.certificate import load_private_key
from passerelle.saml.errors import CertificateError

from .keys import key_pair

DER = key_pair().der
PEM = key_pair().certificate_pem


@pytest.mark.parametrize(
    "source",
    [
        DER,
        PEM,
        PEM.decode(),
        PEM.replace(b"\n", b"\r\n"),
        base64.b64encode(DER).decode(),
        base64.encodebytes(DER),
        b"Bag Attributes\n    friendlyName: idp\n" + PEM + b"trailing words",
        PEM.replace(b"CERTIFICATE", b"X509 CERTIFICATE"),
        PEM.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"),
    ],
)
def test_a_certificate_is_read_in_every_common_form(source):
    assert saml.load_certificate(source) == key_pair().certificate


def test_a_certificate_is_shown_as_consoles_do():
    certificate = key_pair().certificate
    assert certificate.pem.encode() == PEM
    assert len(certificate.fingerprint) == 95
    assert certificate.fingerprint == certificate.fingerprint.upper()
    assert certificate.subject == "CN=rsa of idp.example"
    assert certificate.not_before == datetime(2029, 1, 1, tzinfo=UTC)
    assert certificate.not_after == datetime(2039, 1, 1, tzinfo=UTC)


def test_several_certificates_are_read_in_their_order():
    both = PEM + b"\n" + key_pair("p256").certificate_pem
    expected = (key_pair().certificate, key_pair("p256").certificate)
    assert saml.load_certificates(both) == expected
    assert saml.load_certificates(both.decode()) == expected
    assert saml.load_certificates(DER) == expected[:1]


@pytest.mark.parametrize(
    "source",
    [
        "",
        b"",
        "rubbish",
        b"0rubbish",
        b"\x30",
        b"\xff\xfe\x00",
        "é",
        "\ud800",
        "AAAA",
        DER[:-1],
        DER + b"\x00",
        PEM[:-30],
        key_pair().pem,
        key_pair().public_pem,
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        DER.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x08"),
    ],
)
def test_what_is_no_certificate_is_named(source):
    for load in (saml.load_certificate, saml.load_certificates):
        with pytest.raises(CertificateError) as raised:
            load(source)
        assert raised.value.reason == "certificate_malformed"
        assert str(raised.value).startswith("certificate_malformed; expected an X.509 certificate")


@pytest.mark.parametrize(
    ("kind", "received"),
    [("weak", "RSA, 1024 bits"), ("p256k", "curve secp256k1"), ("dsa", "DSAPublicKey")],
)
def test_a_weak_key_is_named(kind, received):
    with pytest.raises(CertificateError) as raised:
        saml.load_certificate(key_pair(kind).der)
    assert raised.value.reason == "certificate_key_weak"
    assert raised.value.received == received


@pytest.mark.filterwarnings("ignore")
@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=4))
def test_changed_bytes_never_raise_anything_else(changes):
    changed = bytearray(DER)
    for place, value in changes:
        changed[place % len(changed)] = value
    with suppress(CertificateError):
        saml.load_certificate(bytes(changed))


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384"])
def test_a_private_key_is_read(kind):
    loaded = load_private_key(key_pair(kind).pem)
    assert loaded.private_numbers() == key_pair(kind).private.private_numbers()


def pem_of(key, encryption=None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        encryption or serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    ("pem", "received"),
    [
        (b"", "no such"),
        (b"\xff\x00", "no such"),
        (PEM, "no such"),
        (key_pair().pem[:-40], "no such"),
        (pem_of(key_pair().private, serialization.BestAvailableEncryption(b"x")), "no such"),
        (pem_of(ed25519.Ed25519PrivateKey.generate()), "Ed25519PrivateKey"),
        (key_pair("dsa").pem, "DSAPrivateKey"),
    ],
)
def test_what_is_no_private_key_is_named(pem, received):
    with pytest.raises(CertificateError) as raised:
        load_private_key(pem)
    assert (raised.value.reason, raised.value.received) == ("key_malformed", received)
