"""What we write is valid by the schemas of the standard, which SimpleSAMLphp's package brings."""

from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from passerelle import saml
from passerelle.saml import xmldsig
from passerelle.saml.names import NAME_ID_PERSISTENT
from tests.saml.keys import key_pair
from tests.saml.response_builder import ACS, IDP, NOW, SP

SCHEMAS = Path("/usr/share/simplesamlphp/schemas")
SIGNER = saml.Signer(key_pair("ours").private, key_pair("ours").der)


@cache
def schema(name: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(SCHEMAS / name)))


def check(root: etree._Element, name: str) -> None:
    parsed = etree.fromstring(etree.tostring(root))
    schema(name).assertValid(parsed)


def authn_request(**asked: object) -> etree._Element:
    return saml.build_authn_request(
        request_id="_1",
        issued_at=NOW,
        destination=IDP,
        acs_url=ACS,
        sp_entity_id=SP,
        **asked,
    )


EVERYTHING = {
    "force_authn": True,
    "name_id_format": NAME_ID_PERSISTENT,
    "authn_contexts": ("urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",),
}


@pytest.mark.parametrize("asked", [{}, EVERYTHING], ids=["plain", "with everything"])
@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_requests_are_valid(asked, signed):
    root = authn_request(**asked)
    if signed:
        xmldsig.sign(root, SIGNER.key, SIGNER.certificate_der)
    check(root, "saml-schema-protocol-2.0.xsd")


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_logout_messages_are_valid(signed):
    common = {"issued_at": NOW, "destination": IDP, "sp_entity_id": SP}
    name = saml.NameID("u-1", NAME_ID_PERSISTENT)
    for root in (
        saml.build_logout_request(request_id="_1", name_id=name, session_index="_s", **common),
        saml.build_logout_response(response_id="_1", in_response_to="_2", **common),
    ):
        if signed:
            xmldsig.sign(root, SIGNER.key, SIGNER.certificate_der)
        check(root, "saml-schema-protocol-2.0.xsd")


@pytest.mark.parametrize("signer", [None, SIGNER], ids=["unsigned", "signed"])
def test_our_metadata_is_valid(signer):
    written = saml.write_sp_metadata(
        entity_id=SP,
        acs_url=ACS,
        logout_url=SP,
        name_id_formats=(NAME_ID_PERSISTENT,),
        signs_requests=True,
        certificates=(key_pair("ours").der, key_pair("next").der),
        signer=signer,
        document_id="_m",
        valid_until=NOW,
    )
    check(etree.fromstring(written), "saml-schema-metadata-2.0.xsd")
