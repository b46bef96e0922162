"""Single logout: who is to be signed out, and whether that may be believed."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from lxml import etree

from passerelle import saml
from passerelle.saml.errors import MessageError
from passerelle.saml.names import samlp

from .encryption import Encryption, encrypt_element
from .keys import key_pair
from .response_builder import IDP, NOW, SAML_NS, SAMLP_NS, Signing, marker, sign, when

SLO = "https://sso.example/auth/saml/acme/logout"
TRUSTED = (key_pair().certificate,)


def written(
    *,
    name: str = "LogoutRequest",
    version: str = "2.0",
    issuer: str = IDP,
    destination: str | None = SLO,
    issued_at: str = when(NOW),
    ends: str | None = when(NOW + timedelta(minutes=1)),
    name_id: str = "<saml:NameID>u-1</saml:NameID>",
    indexes: str = "<samlp:SessionIndex>_s1</samlp:SessionIndex>",
    encrypted: Encryption | None = None,
) -> str:
    to = "" if destination is None else f' Destination="{destination}"'
    end = "" if ends is None else f' NotOnOrAfter="{ends}"'
    text = (
        f'<samlp:{name} xmlns:samlp="{SAMLP_NS}" xmlns:saml="{SAML_NS}" ID="_1"'
        f' Version="{version}" IssueInstant="{issued_at}"{to}{end}>'
        f"<saml:Issuer>{issuer}</saml:Issuer>{marker('_1')}{name_id}{indexes}</samlp:{name}>"
    )
    return encrypt_element(text, "saml:NameID", encrypted) if encrypted else text


def read(**parts: Any) -> saml.LogoutRequest:
    message = sign(written(**parts), "_1", Signing()).encode()
    verified = saml.read_post(base64.b64encode(message).decode(), TRUSTED)
    return saml.read_logout_request(
        verified,
        idp_entity_id=IDP,
        destination=SLO,
        now=NOW,
        clock_skew=timedelta(seconds=60),
        keys=(key_pair("ours").private,),
    )


def test_a_request_says_who_and_which_sessions():
    request = read()
    assert request.id == "_1"
    assert request.name_id.value == "u-1"
    assert request.session_indexes == ("_s1",)


def test_a_request_without_sessions_means_all_of_them():
    assert read(indexes="").session_indexes == ()


def test_a_session_on_a_line_of_its_own_is_that_session():
    request = read(indexes="<samlp:SessionIndex>\n    _s1\n  </samlp:SessionIndex>")
    assert request.session_indexes == ("_s1",)


def test_an_encrypted_name_is_read():
    assert read(encrypted=Encryption()).name_id.value == "u-1"


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"name": "LogoutResponse"}, "wrong_message"),
        ({"version": "1.1"}, "unsupported_version"),
        ({"issuer": "https://other.example"}, "issuer_mismatch"),
        ({"destination": "https://other.example/logout"}, "destination_mismatch"),
        ({"destination": None}, "destination_mismatch"),
        ({"ends": when(NOW - timedelta(seconds=60))}, "expired"),
        ({"ends": None, "issued_at": when(NOW - timedelta(minutes=6))}, "expired"),
        ({"issued_at": when(NOW - timedelta(days=1))}, "expired"),
        ({"issued_at": when(NOW + timedelta(seconds=61))}, "not_yet_valid"),
        ({"issued_at": "yesterday"}, "malformed_message"),
        ({"name_id": ""}, "name_id_missing"),
        ({"name_id": "<saml:NameID> </saml:NameID>"}, "name_id_missing"),
        ({"encrypted": Encryption(keys=(key_pair("next"),))}, "decryption_failed"),
    ],
)
def test_a_request_that_may_not_be_believed_is_refused(parts, reason):
    with pytest.raises(MessageError) as failure:
        read(**parts)
    assert failure.value.reason == reason


@pytest.mark.parametrize(
    "parts",
    [
        {"ends": None},
        {"ends": "9999-12-31T23:59:59Z"},
        {"ends": when(NOW - timedelta(seconds=59))},
        {"issued_at": when(NOW + timedelta(seconds=60))},
        {"issued_at": when(NOW - timedelta(minutes=5))},
    ],
)
def test_a_request_within_its_time_is_read(parts):
    assert read(**parts).id == "_1"


def test_an_answer_names_the_request():
    root = saml.build_logout_response(
        response_id="_2",
        issued_at=NOW,
        destination="https://idp.example/slo",
        sp_entity_id="https://sso.example/metadata",
        in_response_to="_1",
    )
    assert root.tag == samlp("LogoutResponse")
    assert root.get("InResponseTo") == "_1"
    [code] = root.iter(samlp("StatusCode"))
    assert code.get("Value") == "urn:oasis:names:tc:SAML:2.0:status:Success"


def test_what_we_ask_for_names_person_session_and_end():
    root = saml.build_logout_request(
        request_id="_1",
        issued_at=NOW,
        destination="https://idp.example/slo",
        sp_entity_id="https://sso.example/metadata",
        name_id=saml.NameID("u-1", "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"),
        session_index="_s",
    )
    assert root.get("NotOnOrAfter") == when(NOW + timedelta(minutes=5))
    assert b'persistent">u-1<' in etree.tostring(root)
    assert root.findtext(samlp("SessionIndex")) == "_s"
