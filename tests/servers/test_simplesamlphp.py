"""Signs in at the real identity provider in every way that the tests of the product will."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Unpack

import pytest

from . import processes
from .answers import Algorithm, Answer, NameID
from .forms import new_session
from .loopback_sp import RELAY_STATE, REQUEST_ID, LoopbackSP
from .people import CAST, Person
from .posted import Posted
from .simplesamlphp import SimpleSAMLphp

SAML = {
    "a": "urn:oasis:names:tc:SAML:2.0:assertion",
    "p": "urn:oasis:names:tc:SAML:2.0:protocol",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
FORMATS: dict[NameID, str] = {
    "email": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
    "persistent": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "transient": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
}


def initiate(
    idp: SimpleSAMLphp, sp: LoopbackSP, username: str = "grace", **answer: Unpack[Answer]
) -> Posted:
    idp.register(sp.metadata, **answer)
    return idp.sign_in(new_session(), idp.idp_initiated_url(sp.entity_id), username)


def attributes(response: bytes) -> dict[str, list[str | None]]:
    found = ET.fromstring(response).findall(".//a:Attribute", SAML)
    return {one.attrib["Name"]: [value.text for value in one] for one in found}


def text(response: bytes, path: str) -> str | None:
    return ET.fromstring(response).findtext(path, namespaces=SAML)


def signed_parts(response: bytes) -> list[str]:
    parts = [ET.fromstring(response), *ET.fromstring(response).findall("a:Assertion", SAML)]
    signed = [part for part in parts if part.find("ds:Signature", SAML) is not None]
    return [part.tag.partition("}")[2] for part in signed]


def xmlsec1(action: str, document: bytes, folder: Path, *options: str) -> bytes:
    file = folder / "document.xml"
    file.write_bytes(document)
    return processes.run(["xmlsec1", action, *options, str(file)])


def verify(posted: Posted, part: str, idp: SimpleSAMLphp, folder: Path) -> None:
    signature = f"//*[local-name()='{part}']/*[local-name()='Signature']"
    key = ["--pubkey-cert-pem", str(idp.certificate), "--id-attr:ID", part]
    xmlsec1("--verify", posted.xml, folder, *key, "--node-xpath", signature)


def decrypt(posted: Posted, sp: LoopbackSP, folder: Path) -> bytes:
    return xmlsec1("--decrypt", posted.xml, folder, "--privkey-pem", str(sp.key))


def test_a_second_identity_provider_starts_beside_the_first(
    idp: SimpleSAMLphp, tmp_path: Path
) -> None:
    with SimpleSAMLphp.start(tmp_path) as second:
        assert second.entity_id != idp.entity_id
        assert ET.fromstring(second.metadata()).attrib["entityID"] == second.entity_id


def test_a_request_of_the_service_provider_is_answered(idp: SimpleSAMLphp, sp: LoopbackSP) -> None:
    posted = idp.sign_in(new_session(), f"{sp.url}/login", "ada")
    assert (posted.action, posted.relay_state) == (f"{sp.url}/acs", RELAY_STATE)
    assert ET.fromstring(posted.xml).attrib["InResponseTo"] == REQUEST_ID
    assert attributes(posted.xml)["groups"] == ["platform-admins", "analysts"]


@pytest.mark.parametrize("person", CAST, ids=lambda person: person.username)
def test_sign_in_starts_at_the_identity_provider(
    idp: SimpleSAMLphp, sp: LoopbackSP, person: Person
) -> None:
    url = idp.idp_initiated_url(sp.entity_id, "/from?the=idp")
    posted = idp.sign_in(new_session(), url, person.username)
    assert posted.relay_state == "/from?the=idp"
    assert "InResponseTo" not in ET.fromstring(posted.xml).attrib
    sent = {name: values for name, values in person.attributes.items() if name != "uid"}
    assert attributes(posted.xml) == sent


def test_without_a_relay_state_none_is_posted(idp: SimpleSAMLphp, sp: LoopbackSP) -> None:
    posted = initiate(idp, sp)
    assert posted.fields == {"SAMLResponse": posted.saml_response}


def test_a_session_is_asked_for_the_password_once(idp: SimpleSAMLphp, sp: LoopbackSP) -> None:
    session, url = new_session(), idp.idp_initiated_url(sp.entity_id)
    idp.sign_in(session, url, "grace")
    assert attributes(idp.sign_in(session, url, "ada").xml)["firstName"] == ["Grace"]


@pytest.mark.parametrize(
    ("answer", "parts"),
    [
        ({}, ["Assertion"]),
        ({"sign_response": True}, ["Response", "Assertion"]),
        ({"sign_response": True, "sign_assertion": False}, ["Response"]),
    ],
    ids=["assertion", "both", "response"],
)
def test_the_chosen_parts_are_signed(
    idp: SimpleSAMLphp, sp: LoopbackSP, tmp_path: Path, answer: Answer, parts: list[str]
) -> None:
    posted = initiate(idp, sp, **answer)
    assert signed_parts(posted.xml) == parts
    for part in parts:
        verify(posted, part, idp, tmp_path)


@pytest.mark.parametrize("algorithm", ["rsa-sha1", "rsa-sha256", "rsa-sha384", "rsa-sha512"])
def test_the_chosen_algorithm_signs(
    idp: SimpleSAMLphp, sp: LoopbackSP, tmp_path: Path, algorithm: Algorithm
) -> None:
    posted = initiate(idp, sp, signature_algorithm=algorithm)
    method = ET.fromstring(posted.xml).find(".//ds:SignatureMethod", SAML)
    assert method is not None
    assert method.attrib["Algorithm"].endswith(f"#{algorithm}")
    verify(posted, "Assertion", idp, tmp_path)


@pytest.mark.parametrize("name_id", ["email", "persistent", "transient"])
def test_the_chosen_name_id_is_sent(idp: SimpleSAMLphp, sp: LoopbackSP, name_id: NameID) -> None:
    first, second = [
        ET.fromstring(initiate(idp, sp, name_id=name_id).xml).find(".//a:NameID", SAML)
        for _ in range(2)
    ]
    assert first is not None
    assert second is not None
    assert first.attrib["Format"] == FORMATS[name_id]
    assert (first.text == "grace@acme.example") == (name_id == "email")
    assert (first.text == second.text) == (name_id != "transient")


def test_an_encrypted_assertion_opens_with_the_service_providers_key(
    idp: SimpleSAMLphp, sp: LoopbackSP, tmp_path: Path
) -> None:
    posted = initiate(idp, sp, "zoe", encrypt=True, sign_response=True)
    assert attributes(posted.xml) == {}
    assert attributes(decrypt(posted, sp, tmp_path))["firstName"] == ["Zoé 美玲"]


def test_an_encrypted_name_id_opens_with_the_service_providers_key(
    idp: SimpleSAMLphp, sp: LoopbackSP, tmp_path: Path
) -> None:
    posted = initiate(idp, sp, encrypt_name_id=True)
    assert text(posted.xml, ".//a:NameID") is None
    assert text(decrypt(posted, sp, tmp_path), ".//a:NameID") == "grace@acme.example"


def test_service_providers_are_answered_each_in_its_way(
    idp: SimpleSAMLphp, sp: LoopbackSP, tmp_path: Path
) -> None:
    idp.register(sp.metadata, sign_response=True)
    with LoopbackSP(tmp_path, idp.url) as other:
        assert signed_parts(initiate(idp, other).xml) == ["Assertion"]
        posted = idp.sign_in(new_session(), f"{sp.url}/login", "grace")
        assert signed_parts(posted.xml) == ["Response", "Assertion"]


def test_people_can_change_between_two_sign_ins(idp: SimpleSAMLphp, sp: LoopbackSP) -> None:
    idp.enrol(Person("edsger", "Edsger", "Before"))
    before = initiate(idp, sp, "edsger", name_id="persistent")
    idp.enrol(Person("edsger", "Edsger", "After", ("analysts",), domain="globex.example"))
    after = initiate(idp, sp, "edsger", name_id="persistent")
    assert attributes(after.xml)["lastName"] == ["After"]
    assert attributes(after.xml)["email"] == ["edsger@globex.example"]
    assert text(before.xml, ".//a:NameID") == text(after.xml, ".//a:NameID")


def test_a_failed_sign_in_tells_what_the_identity_provider_logged(
    idp: SimpleSAMLphp, tmp_path: Path
) -> None:
    with (
        LoopbackSP(tmp_path, idp.url) as stranger,
        pytest.raises(processes.ServerError, match="METADATANOTFOUND"),
    ):
        idp.sign_in(new_session(), f"{stranger.url}/login", "ada")


def test_metadata_without_a_service_provider_are_refused(idp: SimpleSAMLphp) -> None:
    with pytest.raises(processes.ServerError, match="no service provider"):
        idp.register(idp.metadata())
