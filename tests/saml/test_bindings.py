"""How messages travel: by redirect and by post, signed or not."""

import base64
import zlib
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit

import pytest
from lxml import etree

from passerelle import saml
from passerelle.saml.errors import MessageError

from .keys import key_pair
from .response_builder import NOW, SP, Signing, signature_value

NAME = saml.NameID("u-1", "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent")
SLO = "https://sso.example/auth/saml/acme/logout"


def message() -> etree._Element:
    return saml.build_logout_request(
        request_id="_1",
        issued_at=NOW,
        destination=SLO,
        sp_entity_id=SP,
        name_id=NAME,
        session_index="_s",
    )


def signer(kind: str = "rsa") -> saml.Signer:
    pair = key_pair(kind)
    return saml.Signer(pair.private, pair.der)


def query_of(kind: str = "rsa", relay_state: str | None = "/a?b=c&d=é", **how: Any) -> str:
    address = saml.redirect_url(SLO, message(), relay_state=relay_state, signer=signer(kind), **how)
    return urlsplit(address).query


def trusted(*kinds: str) -> tuple[saml.Certificate, ...]:
    return tuple(key_pair(kind).certificate for kind in kinds or ("rsa",))


def refused(query: str, *kinds: str) -> str:
    with pytest.raises(MessageError) as failure:
        saml.read_redirect(query, "SAMLRequest", trusted(*kinds))
    return failure.value.reason


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
def test_an_address_carries_a_message(target, before, query, relay_state):
    address = saml.redirect_url(target, message(), relay_state=relay_state)
    assert address.partition("?")[0] == before
    carried = parse_qsl(address.partition("?")[2], strict_parsing=True)
    state = [("RelayState", relay_state)] if relay_state else []
    assert carried[: len(query)] == query
    [(name, value), *rest] = carried[len(query) :]
    assert name == "SAMLRequest"
    assert rest == state
    assert zlib.decompress(base64.b64decode(value), -15) == etree.tostring(message())


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384", "p521"])
@pytest.mark.parametrize("relay_state", [None, "/a?b=c&d=é"])
def test_a_signed_address_is_read_with_the_right_key(kind, relay_state):
    query = query_of(kind, relay_state)
    read = saml.read_redirect(query, "SAMLRequest", trusted("stranger", kind))
    assert etree.tostring(read.element) == etree.tostring(message())
    assert read.certificate == key_pair(kind).certificate


def test_the_signature_is_over_what_was_sent_however_it_was_encoded():
    """Some providers write lower-case escapes, and other parameters in between."""
    fields = dict(parse_qsl(query_of()))
    sent = {name: quote_plus(value).lower() for name, value in fields.items() if name == "SigAlg"}
    signed = f"SAMLRequest={quote_plus(fields['SAMLRequest'])}&SigAlg={sent['SigAlg']}"
    value = base64.b64encode(signature_value(signed.encode(), Signing())).decode()
    query = f"a=1&SigAlg={sent['SigAlg']}&SAMLRequest={quote_plus(fields['SAMLRequest'])}"
    read = saml.read_redirect(f"{query}&Signature={quote_plus(value)}", "SAMLRequest", trusted())
    assert read.element.get("ID") == "_1"


WRONG = {
    "nothing": (lambda query: "", "signature_missing"),
    "no signature": (lambda query: query.partition("&SigAlg")[0], "signature_missing"),
    "no algorithm": (lambda query: query.replace("SigAlg=", "Alg="), "signature_missing"),
    "another relay state": (lambda query: query.replace("%2Fa", "%2Fb"), "signature_invalid"),
    "no relay state": (
        lambda query: "&".join(p for p in query.split("&") if not p.startswith("RelayState")),
        "signature_invalid",
    ),
    "a message twice": (lambda query: query + "&SAMLRequest=x", "malformed_message"),
    "a signature that is not base64": (
        lambda query: query.replace("Signature=", "Signature=!"),
        "malformed_message",
    ),
    "SHA-1": (lambda query: query.replace("rsa-sha256", "rsa-sha1"), "algorithm_forbidden"),
    "HMAC": (lambda query: query.replace("rsa-sha256", "hmac-sha256"), "algorithm_forbidden"),
    "an algorithm of another key": (
        lambda query: query.replace("rsa-sha256", "ecdsa-sha256"),
        "signature_invalid",
    ),
    "a parameter without end": (lambda query: query + "&x=" + "x" * 70_000, "malformed_message"),
}


@pytest.mark.parametrize(("change", "reason"), WRONG.values(), ids=WRONG)
def test_a_changed_address_is_refused(change, reason):
    assert refused(change(query_of())) == reason


def test_a_stranger_signs_in_vain():
    assert refused(query_of("stranger")) == "signature_invalid"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not deflated", "malformed_message"),
        (zlib.compress(b"<a/>"), "malformed_message"),
        (zlib.compressobj(9, zlib.DEFLATED, -15).compress(b"x"), "malformed_message"),
    ],
)
def test_what_is_signed_and_unreadable_is_refused(content, reason):
    assert refused(signed_query(content)) == reason


def test_a_message_that_inflates_without_end_is_refused():
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(b" " * 30_000_000) + packer.flush()
    assert refused(signed_query(bomb)) == "message_too_large"


def signed_query(content: bytes) -> str:
    algorithm = quote_plus("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256")
    query = f"SAMLRequest={quote_plus(base64.b64encode(content))}&SigAlg={algorithm}"
    value = base64.b64encode(signature_value(query.encode(), Signing()))
    return f"{query}&Signature={quote_plus(value)}"


@pytest.mark.parametrize("kind", ["rsa", "p256"])
def test_a_posted_message_is_read_with_the_right_key(kind):
    field = saml.post_field(message(), signer=signer(kind))
    read = saml.read_post(field, trusted(kind))
    assert read.element.get("ID") == "_1"


def test_a_posted_request_may_go_without_a_signature():
    field = saml.post_field(message())
    assert etree.fromstring(base64.b64decode(field)).get("ID") == "_1"


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("", "malformed_message"),
        ("!", "malformed_message"),
        (base64.b64encode(b"<a>").decode(), "malformed_message"),
        (saml.post_field(message()), "signature_missing"),
    ],
)
def test_a_posted_message_without_a_good_signature_is_refused(field, reason):
    with pytest.raises(MessageError) as failure:
        saml.read_post(field, trusted())
    assert failure.value.reason == reason


def test_a_message_inside_another_does_not_count_as_signed():
    signed = base64.b64decode(saml.post_field(message(), signer=signer()))
    inner = etree.fromstring(signed)
    outer = etree.Element("{urn:oasis:names:tc:SAML:2.0:protocol}LogoutRequest", ID="_2")
    outer.append(inner)
    with pytest.raises(MessageError) as failure:
        saml.read_post(base64.b64encode(etree.tostring(outer)).decode(), trusted())
    assert failure.value.reason == "signature_missing"


def test_a_second_signature_is_refused():
    field = saml.post_field(message(), signer=signer())
    root = etree.fromstring(base64.b64decode(field))
    root.append(etree.fromstring('<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"/>'))
    with pytest.raises(MessageError):
        saml.read_post(base64.b64encode(etree.tostring(root)).decode(), trusted())
