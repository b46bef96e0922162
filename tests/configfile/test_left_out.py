"""What a file names and cannot be used beside what can: left out, and said on standard error."""

import base64

import pytest

from passerelle.saml import load_certificate
from passerelle.sso.models import SamlConnection
from tests.configfile.files import metadata_of, pem_of
from tests.saml.keys import key_pair
from tests.world import idp_of, signing_key

pytestmark = pytest.mark.django_db
FILE = """
[[companies]]
slug = "acme"
name = "Acme"

  [[companies.saml]]
  slug = "acme"
  name = "Acme SSO"
  {source}
"""
BY_FILE = 'metadata_file = "idp-metadata.xml"'
BY_HAND = """entity_id = " https://idp.acme.example/metadata\\t"
  sp_entity_id = " urn:acme "
  target_url = "https://idp.acme.example/sso"
  certificates = ["idp.pem"]"""
PEM = pem_of("acme")


def with_a_weak_key(document: bytes) -> bytes:
    """Metadata with a certificate of 1,024 bits before the one that is there."""
    start, end = document.index(b"<md:KeyDescriptor"), document.index(b"</md:KeyDescriptor>")
    good = base64.b64encode(signing_key("acme").certificate_der)
    weak = document[start:end].replace(good, base64.b64encode(key_pair("weak").der))
    return document[:start] + weak + b"</md:KeyDescriptor>" + document[start:]


def applied(operator, source: str) -> tuple[SamlConnection, str]:
    """The connection as the file makes it, and what is said of the file."""
    path = operator.write("passerelle.toml", FILE.format(source=source))
    status, out, err = operator.run("apply", str(path))
    assert status == 0, err
    assert out.splitlines()[-1] != "0 changes"
    return SamlConnection.objects.get(), err.replace(f"passerelle: {path}, ", "")


def test_a_certificate_of_metadata_that_cannot_be_used_is_named_with_its_line(operator):
    operator.write("idp-metadata.xml", with_a_weak_key(metadata_of("acme")))
    connection, said = applied(operator, BY_FILE)
    assert said == (
        "line 9: companies[0].saml[0].metadata_file: a certificate was left out: The key of this "
        "certificate is not safe enough. Expected: RSA with at least 2048 bits, or P-256, P-384 or "
        "P-521. Received: RSA, 1024 bits (CN=weak of idp.example).\n"
    )
    [row] = connection.certificates.all()
    assert row.pem == PEM


def test_a_certificate_of_a_list_that_cannot_be_used_is_named_with_its_line(operator):
    operator.write("idp.pem", PEM + key_pair("weak").certificate_pem.decode())
    connection, said = applied(operator, BY_HAND)
    assert said.startswith("line 12: companies[0].saml[0].certificates[0]: a certificate was left")
    [row] = connection.certificates.all()
    assert row.pem == PEM


@pytest.mark.parametrize(
    "content",
    [PEM.replace("\n", "\\n"), PEM.replace("\n", "\n\xa0"), PEM.encode("utf-16")],
    ids=["line ends as text", "no-break spaces", "UTF-16"],
)
def test_a_certificate_as_copying_leaves_it_is_read(operator, content):
    operator.write("idp.pem", content)
    connection, said = applied(operator, BY_HAND)
    assert said == ""
    assert connection.certificates.get().fingerprint == load_certificate(PEM).fingerprint


def test_white_space_around_an_entity_id_is_not_part_of_it(operator):
    operator.write("idp.pem", PEM)
    connection, _said = applied(operator, BY_HAND)
    assert (connection.idp_entity_id, connection.sp_entity_id) == (idp_of("acme"), "urn:acme")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("4F:" * 31 + "4F", "(certificate_fingerprint): This is a fingerprint"),
        ("0A:" * 31 + "0A", "(certificate_fingerprint): This is a fingerprint"),
        (key_pair().pem, "(certificate_private_key): This is a private key"),
        (PEM[:-27], "(certificate_no_end): The end of a certificate is missing"),
    ],
    ids=["a fingerprint", "a fingerprint that starts with 0", "a private key", "no end"],
)
def test_what_is_given_in_place_of_a_certificate_is_said(operator, content, reason):
    operator.write("idp.pem", content)
    error = operator.refused(FILE.format(source=BY_HAND))
    assert error.startswith("line 12: companies[0].saml[0].certificates[0]: expected something")
    assert reason in error
