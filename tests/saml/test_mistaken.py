"""What people give in place of metadata, or broken by one of their tools: each is named."""

import base64
import time

import pytest

from passerelle import saml
from passerelle.saml.errors import CertificateError, MetadataError
from passerelle.saml.xml import MAX_BYTES

from .keys import key_pair
from .test_cost import SECONDS
from .test_metadata import MD, SERVICES, SP_ONLY, entity, key, role


def pem_of(kind: str = "rsa") -> bytes:
    return key_pair(kind).certificate_pem


DECLARED = '<?xml version="1.0" encoding="{}"?>'
STYLED = '<?xml version="1.0"?>\n<?xml-stylesheet type="text/xsl" href="md.xsl"?>\n'
INSTEAD = {
    "nothing": (b" \r\n", "metadata_empty", "nothing"),
    "a mark and nothing": (b"\xef\xbb\xbf", "metadata_empty", "nothing"),
    "a page": (
        b"<!DOCTYPE html>\n<html><head><title> Sign in </title><br></html>",
        "metadata_web_page",
        "Sign in",
    ),
    "a page in UTF-16": ("<HTML><br></HTML>".encode("utf-16"), "metadata_web_page", "<html>"),
    "a page in XHTML": (
        b'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Acme</title></head></html>',
        "metadata_web_page",
        "Acme",
    ),
    "a page without a title": (b"<html/>", "metadata_web_page", "<html>"),
    "a saved page": (
        b"From: <Saved by Blink>\r\nMIME-Version: 1.0\r\n",
        "metadata_saved_page",
        "From: <Saved by Blink>",
    ),
    "Latin 1": (
        (DECLARED.format("ISO-8859-1") + entity()).encode(),
        "metadata_encoding",
        "ISO-8859-1",
    ),
    "Latin 1 that says it is UTF-8": (
        (DECLARED.format("UTF-8") + entity(more='x="é"')).encode("latin-1"),
        "metadata_encoding",
        "bytes that are not UTF-8",
    ),
    "a stylesheet": ((STYLED + entity()).encode(), "metadata_instruction", "<?xml-stylesheet"),
    "a document type": (
        f"<!DOCTYPE x>{entity()}".encode(),
        "metadata_doctype",
        "<!DOCTYPE",
    ),
    "no namespace": (
        entity().replace("md:", "").replace(MD, "").replace(":md", ":x").encode(),
        "metadata_namespace",
        "none",
    ),
    "another namespace": (
        entity().replace("SAML:2.0:metadata", "SAML:1.1:metadata").encode(),
        "metadata_namespace",
        "urn:oasis:names:tc:SAML:1.1:metadata",
    ),
    "a time zone without a colon": (
        entity(more='validUntil="2031-01-01T00:00:00+0000"').encode(),
        "metadata_time",
        "2031-01-01T00:00:00+0000",
    ),
    "no time": (entity(more='validUntil="soon"').encode(), "metadata_time", "soon"),
    "an address": (
        b"https://idp.example/metadata.xml\n",
        "metadata_is_address",
        "https://idp.example/metadata.xml",
    ),
    "too much": (b"x" * 3_000_000, "metadata_too_large", "3000000 bytes"),
    "half of it": (
        entity().encode()[:-100],
        "metadata_cut_off",
        "…" + entity()[-140:-100],
    ),
    "an error of an interface": (
        b' {"error": "not found"}',
        "metadata_json",
        '{"error": "not found"}',
    ),
    "OpenID's description": (
        b'{"issuer": "x", "authorization_endpoint": "y"}',
        "metadata_openid",
        '{"issuer": "x", "authorization_endpoint": "y"}',
    ),
    "base64 of it": (
        base64.b64encode(entity().encode()),
        "metadata_in_base64",
        base64.b64encode(entity().encode()).decode()[:30],
    ),
    "a certificate": (pem_of(), "metadata_is_certificate", "-----BEGIN CERTIFICATE-----"),
    "a certificate without its frame": (
        b"".join(pem_of().splitlines()[1:-1]),
        "metadata_is_certificate",
        pem_of().splitlines()[1].decode()[:30],
    ),
    "a certificate in binary": (key_pair().der, "metadata_is_certificate", "a binary file"),
    "a private key": (key_pair().pem, "metadata_private_key", "-----BEGIN PRIVATE KEY-----"),
    "an archive": (b"PK\x03\x04\x14\x00", "metadata_binary", "a binary file"),
    "a broken mark": (b"\xff\xfe\x00", "metadata_binary", "a binary file"),
    "a service provider": (
        SP_ONLY.encode(),
        "metadata_service_provider",
        "https://sp.example",
    ),
    "an identity provider for SAML 1.1": (
        entity(role(protocols="urn:oasis:names:tc:SAML:1.1:protocol")).encode(),
        "metadata_no_idp",
        "protocols: urn:oasis:names:tc:SAML:1.1:protocol",
    ),
}


@pytest.mark.parametrize(("document", "reason", "received"), INSTEAD.values(), ids=INSTEAD)
def test_what_is_given_in_place_of_metadata_is_recognised(document, reason, received):
    with pytest.raises(MetadataError) as raised:
        saml.read_idp_metadata(document)
    assert (raised.value.reason, raised.value.received) == (reason, received)


LISTED = "</ds:X509Certificate><ds:X509Certificate>"
WEAK = base64.b64encode(key_pair("weak").der).decode()
LARGE = {
    "many certificates that cannot be read": (
        entity(role(key(content=LISTED.join(["x"] * 38_000)) + SERVICES)).encode(),
        "metadata_no_certificate",
    ),
    "many weak certificates": (
        entity(role(key(content=LISTED.join([WEAK] * 2_500)) + SERVICES)).encode(),
        "metadata_no_certificate",
    ),
    "many instructions": (b"<?x " * 500_000, "metadata_instruction"),
    "a long declaration": (b"<?xml " + b" " * 1_900_000, "metadata_instruction"),
    "many beginnings": (b"<EntityDescriptor " * 100_000, "metadata_cut_off"),
    "a long address": (b"https://" + b"a" * 1_900_000, "metadata_is_address"),
    "many digits": (b"AA:" * 600_000, "metadata_malformed"),
}


@pytest.mark.parametrize(("document", "reason"), LARGE.values(), ids=LARGE)
def test_two_mebibytes_are_recognised_in_linear_time(document, reason):
    assert 1_500_000 < len(document) <= MAX_BYTES
    before = time.process_time()
    with pytest.raises(MetadataError) as raised:
        saml.read_idp_metadata(document)
    assert raised.value.reason == reason
    with pytest.raises(CertificateError):
        saml.load_certificates(document)
    assert time.process_time() - before < SECONDS
