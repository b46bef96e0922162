"""Reading certificates and keys: every common form, and a named refusal for all the rest."""

import base64
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from hypothesis import given
from hypothesis import strategies as st

from passerelle import saml
from passerelle.saml import der as encoding
from passerelle.saml.certificate import load_private_key
from passerelle.saml.errors import CertificateError

from .keys import issued, key_pair

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
        PEM.decode().encode("utf-8-sig"),
        PEM.decode().encode("utf-16"),
        PEM.decode().replace("\n", "\\n"),
        PEM.replace(b"\n", b"\\r\\n"),
        PEM.decode().replace("\n", "\n\xa0"),
        PEM.decode().replace("\n", "\n\xa0").encode(),
        PEM.decode().replace("\n", "\u200b\u2028\n"),
        base64.b64encode(DER).decode().replace("M", "M\xa0"),
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


FINGERPRINT = key_pair().certificate.fingerprint


def request() -> x509.CertificateSigningRequest:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key_pair("p256").private, hashes.SHA256())


def loaded() -> x509.Certificate:
    return x509.load_der_x509_certificate(DER)


MISTAKES = {
    "a certificate without its end": (PEM[:-27], "certificate_no_end"),
    "a certificate with half of its end": (PEM[:-10], "certificate_no_end"),
    "a private key": (key_pair().pem, "certificate_private_key"),
    "a private key in binary": (
        key_pair().private.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        "certificate_private_key",
    ),
    "a public key": (key_pair().public_pem, "certificate_public_key"),
    "a request": (request().public_bytes(serialization.Encoding.PEM), "certificate_request"),
    "PKCS #7": (
        pkcs7.serialize_certificates([loaded()], serialization.Encoding.PEM),
        "certificate_container",
    ),
    "PKCS #7 in binary": (
        pkcs7.serialize_certificates([loaded()], serialization.Encoding.DER),
        "certificate_container",
    ),
    "PKCS #7 without lengths": (
        b"\x30\x80" + bytes.fromhex("06092a864886f70d010702") + b"\xa0\x80",
        "certificate_container",
    ),
    "PKCS #12": (
        pkcs12.serialize_key_and_certificates(
            b"idp", None, loaded(), None, serialization.NoEncryption()
        ),
        "certificate_container",
    ),
    "a fingerprint": (FINGERPRINT, "certificate_fingerprint"),
    "a fingerprint without colons": (FINGERPRINT.replace(":", ""), "certificate_fingerprint"),
    "a fingerprint as tools print it": (
        f"SHA256 Fingerprint={FINGERPRINT}\n",
        "certificate_fingerprint",
    ),
    "a SHA-1 thumbprint": (FINGERPRINT[:59].lower(), "certificate_fingerprint"),
    "an address": ("https://idp.example/certificate.pem\n", "certificate_address"),
    "metadata": ("<?xml version='1.0'?><md:EntityDescriptor/>", "certificate_is_xml"),
    "a set of keys for OpenID": ('{"keys": []}', "certificate_is_json"),
}


@pytest.mark.parametrize(("source", "reason"), MISTAKES.values(), ids=MISTAKES)
def test_what_is_given_in_place_of_a_certificate_is_recognised(source, reason):
    for load in (saml.load_certificate, saml.load_certificates):
        with pytest.raises(CertificateError) as raised:
            load(source)
        assert raised.value.reason == reason
        assert raised.value.received


def test_sixty_four_digits_that_are_no_fingerprint_are_read_as_base64():
    with pytest.raises(CertificateError) as raised:
        saml.load_certificate("AB" * 25)
    assert raised.value.reason == "certificate_malformed"


@pytest.mark.parametrize("size", [20_000, 2_000_000])
def test_a_certificate_that_was_made_large_is_refused(size):
    large = issued("idp.example", "idp.example", extra=b"\x04" * size)
    for source in (large, pem(large), pem(large).encode()):
        with pytest.raises(CertificateError) as raised:
            saml.load_certificate(source)
        assert raised.value.reason == "certificate_too_large"
        assert raised.value.received == f"{len(large)} bytes"
    found = saml.load_bundle(pem(large) + PEM.decode())
    assert (len(found.usable), len(found.left_out)) == (1, 1)


def test_a_certificate_with_many_names_is_not_too_large():
    saml.load_certificate(issued("idp.example", "idp.example", extra=b"\x04" * 18_000))


def pem(*ders: bytes) -> str:
    return "".join(
        x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM).decode()
        for der in ders
    )


LEAF = issued("idp.example", "Acme Signing", "next", by="ours")
MIDDLE = issued("Acme Signing", "Acme Root", "ours", by="stranger")
ROOT = issued("Acme Root", "Acme Root", "stranger", by="stranger")


@pytest.mark.parametrize("chain", [(LEAF, MIDDLE, ROOT), (ROOT, MIDDLE, LEAF), (LEAF, MIDDLE)])
def test_of_a_chain_only_the_certificate_that_issued_none_of_the_others_signs(chain):
    found = saml.load_bundle(pem(*chain))
    assert [one.der for one in found.usable] == [LEAF]
    assert found.left_out == ()


def test_the_authority_of_a_key_that_is_too_weak_does_not_take_its_place():
    weak = issued("idp.example", "Acme Root", "weak", by="stranger")
    with pytest.raises(CertificateError) as raised:
        saml.load_certificates(pem(weak, ROOT))
    assert raised.value.reason == "certificate_key_weak"


def test_two_certificates_of_one_name_and_two_of_one_key_both_sign():
    renewed = issued("idp.example", "idp.example", "next", by="next")
    again = issued("idp.example", "idp.example", "p256", by="p256")
    same_key = issued("idp.example", "idp.example", "next", by="next").replace(b"390101", b"380101")
    assert len(saml.load_certificates(pem(renewed, again, same_key))) == 3


def test_certificates_that_name_each_other_as_issuer_all_sign():
    both = (issued("one", "other"), issued("other", "one", "next"))
    assert [one.der for one in saml.load_certificates(pem(*both))] == list(both)


def test_a_certificate_that_cannot_be_used_is_left_out_and_named_beside_one_that_can():
    weak = key_pair("weak").certificate_pem.decode()
    rubbish = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    unended = PEM.decode()[:-27]
    found = saml.load_bundle(weak + rubbish + PEM.decode() + unended)
    assert found.usable == (key_pair().certificate,)
    assert [(one.reason, one.received) for one in found.left_out] == [
        ("certificate_malformed", "a document that is not an X.509 certificate (certificate 2)"),
        ("certificate_key_weak", "RSA, 1024 bits (CN=weak of idp.example)"),
        ("certificate_no_end", "-----BEGIN CERTIFICATE-----"),
    ]


def test_what_other_readers_accept_around_the_key_is_accepted():
    der = issued("idp.example", "idp.example")
    explicit = der.replace(b"\x01\x01\xff\x04", b"\x01\x01\x00\x04")
    assert explicit != der
    with pytest.raises(ValueError, match="EncodedDefault"):
        x509.load_der_x509_certificate(explicit)
    read = saml.load_certificate(explicit)
    assert read.der == explicit
    assert read.public_key == key_pair().private.public_key()
    assert read.subject == "CN=idp.example"
    assert read.not_after == datetime(2039, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("serial", [b"\x00", b"\xff"])
def test_a_serial_number_that_is_not_positive_breaks_nothing(serial):
    der = DER.replace(b"\x02\x01\x07", b"\x02\x01" + serial)
    assert der != DER
    assert saml.load_certificate(der).public_key == key_pair().certificate.public_key


@pytest.mark.parametrize(
    "odd",
    [
        b"\x30\x03\x1f\x01\x00",
        b"\x30\x80\x00\x00",
        b"\x30\x85\x00\x00\x00\x00\x01\x00",
        b"\x30\x82\x01",
        encoding.element(b"\x05\x00" * 40),
        encoding.element(encoding.element(b"\x05\x00" * 5) + b"\x05\x00" * 2),
        encoding.element(encoding.element(b"") + b"\x05\x00" * 2),
    ],
)
def test_odd_elements_are_no_certificate(odd):
    with pytest.raises(CertificateError) as raised:
        saml.load_certificate(odd)
    assert raised.value.reason == "certificate_malformed"


@given(st.binary(max_size=70_000), st.integers(0, 255).filter(lambda tag: tag & 0x1F != 0x1F))
def test_an_element_is_read_as_it_was_written(content, tag):
    written = encoding.element(content, tag)
    assert encoding.inside(written, tag) == content
    assert encoding.split(written * 2) == [written, written]


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
