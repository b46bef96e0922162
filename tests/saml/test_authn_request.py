"""The AuthnRequest: what we ask of an identity provider."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from lxml import etree

from passerelle import saml
from passerelle.saml.names import saml as saml_name
from passerelle.saml.names import samlp

from .response_builder import ACS, NOW, SP


def request(issued_at: datetime = NOW, **asked: Any) -> etree._Element:
    return saml.build_authn_request(
        request_id="_1",
        issued_at=issued_at,
        destination="https://idp.example/sso?a=b&c",
        acs_url=ACS,
        sp_entity_id=SP,
        **asked,
    )


def test_a_request_says_who_asks_and_where_to_answer():
    root = request()
    assert root.tag == samlp("AuthnRequest")
    assert dict(root.attrib) == {
        "ID": "_1",
        "Version": "2.0",
        "IssueInstant": "2030-01-31T12:00:00Z",
        "Destination": "https://idp.example/sso?a=b&c",
        "AssertionConsumerServiceURL": ACS,
        "ProtocolBinding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
    }
    assert root.findtext(saml_name("Issuer")) == SP


def test_a_request_is_dated_in_utc():
    paris = timezone(timedelta(hours=1))
    root = request(datetime(2030, 1, 31, 13, 0, tzinfo=paris))
    assert root.get("IssueInstant") == "2030-01-31T12:00:00Z"
    assert NOW.tzinfo is UTC


def test_a_request_asks_for_nothing_that_was_not_wished():
    assert [child.tag for child in request()] == [saml_name("Issuer"), samlp("NameIDPolicy")]


def test_an_identifier_may_be_made_for_a_newcomer_whatever_its_format():
    policy = request().find(samlp("NameIDPolicy"))
    assert dict(policy.attrib) == {"AllowCreate": "true"}


def test_a_request_can_ask_for_a_new_authentication_a_name_and_a_context():
    root = request(
        force_authn=True,
        name_id_format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        authn_contexts=("urn:a", "urn:b"),
    )
    assert root.get("ForceAuthn") == "true"
    policy, contexts = root.find(samlp("NameIDPolicy")), root.find(samlp("RequestedAuthnContext"))
    assert dict(policy.attrib) == {
        "Format": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        "AllowCreate": "true",
    }
    assert contexts.get("Comparison") == "exact"
    assert [one.text for one in contexts] == ["urn:a", "urn:b"]
