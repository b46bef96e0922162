"""The AuthnRequest, and the address that carries it."""

import base64
import zlib
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlsplit

import pytest
from lxml import etree

from passerelle import saml
from passerelle.saml.names import saml as saml_name
from passerelle.saml.names import samlp

from .response_builder import ACS, NOW, SP


def request(issued_at: datetime = NOW) -> bytes:
    return saml.build_authn_request(
        request_id="_1",
        issued_at=issued_at,
        destination="https://idp.example/sso?a=b&c",
        acs_url=ACS,
        sp_entity_id=SP,
    )


def test_a_request_says_who_asks_and_where_to_answer():
    root = etree.fromstring(request())
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
    root = etree.fromstring(request(datetime(2030, 1, 31, 13, 0, tzinfo=paris)))
    assert root.get("IssueInstant") == "2030-01-31T12:00:00Z"
    assert NOW.tzinfo is UTC


@pytest.mark.parametrize(
    ("target", "before", "query"),
    [
        ("https://idp.example/sso", "https://idp.example/sso", []),
        ("https://idp.example/sso?", "https://idp.example/sso", []),
        ("https://idp.example/sso?tenant=a%20b", "https://idp.example/sso", [("tenant", "a b")]),
        ("https://idp.example/sso#top", "https://idp.example/sso", []),
        ("https://idp.example/sso?x=1#top", "https://idp.example/sso", [("x", "1")]),
        ("https://[idp/sso", "https://[idp/sso", []),
    ],
)
@pytest.mark.parametrize("relay_state", [None, "", "/next?a=b&c=é"])
def test_an_address_carries_the_request(target, before, query, relay_state):
    address = saml.redirect_url(target, request(), relay_state)
    assert address.partition("?")[0] == before
    carried = parse_qsl(address.partition("?")[2], strict_parsing=True)
    state = [("RelayState", relay_state)] if relay_state else []
    assert carried[: len(query)] == query
    [(name, value), *rest] = carried[len(query) :]
    assert name == "SAMLRequest"
    assert rest == state
    assert zlib.decompress(base64.b64decode(value), -15) == request()


def test_an_address_can_be_taken_apart():
    parts = urlsplit(saml.redirect_url("https://idp.example/sso", request()))
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "idp.example", "")
