"""Decoding, peeking, and what a judgement says."""

import base64

import pytest

from passerelle import saml
from passerelle.saml.errors import MessageError
from passerelle.saml.xml import MAX_BYTES

from .keys import key_pair
from .response_builder import (
    ACS,
    EXC,
    IDP,
    REQUEST,
    SP,
    Signing,
    attribute,
    attributes,
    audiences,
    conditions,
    confirmation,
    expected,
    name_id,
    response,
    status,
)


def reason_of(raised: pytest.ExceptionInfo[MessageError]) -> str:
    return raised.value.reason


@pytest.mark.parametrize(
    "field", ["PHg+*", "PHg", "é", "\ud800", b"\xff\xfd", "PHg\u0000", "%3Csamlp", b"\x80<a/>"]
)
def test_what_is_neither_xml_nor_base64_is_refused(field):
    with pytest.raises(MessageError) as raised:
        saml.judge(saml.decode_response(field), expected())
    assert reason_of(raised) == "malformed_message"


def test_xml_with_a_surrogate_is_refused():
    message = saml.decode_response("<a>\ud800</a>")
    assert saml.judge(message, expected()).reason == "malformed_message"


def test_base64_is_measured_before_it_is_decoded():
    with pytest.raises(MessageError) as raised:
        saml.decode_response(b"A" * (MAX_BYTES * 2))
    assert reason_of(raised) == "message_too_large"


def test_base64_of_a_message_as_large_as_allowed_is_decoded():
    message = b"<" + b"x" * (MAX_BYTES - 1)
    assert saml.decode_response(base64.encodebytes(message)) == message


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_xml_is_taken_as_it_is(encoding):
    message = "<a/>".encode(encoding)
    assert saml.decode_response(message) == message


def test_peek_reads_what_a_response_claims():
    claimed = saml.peek(response(signed="none", issuer=f"<saml:Issuer> {IDP} </saml:Issuer>"))
    assert claimed == type(claimed)(in_response_to=REQUEST, issuer=IDP)


def test_peek_finds_nothing_in_an_empty_response():
    claimed = saml.peek(b"<a/>")
    assert (claimed.in_response_to, claimed.issuer) == (None, None)


def test_peek_refuses_what_cannot_be_read():
    with pytest.raises(MessageError) as raised:
        saml.peek(b"<!DOCTYPE a><a/>")
    assert reason_of(raised) == "doctype_forbidden"


def test_a_refused_judgement_gives_no_assertion():
    judgement = saml.judge(response(destination="https://evil.example"), expected())
    assert judgement.verified is not None
    with pytest.raises(MessageError) as raised:
        _ = judgement.assertion
    assert reason_of(raised) == "destination_mismatch"


def test_a_judgement_of_nothing_gives_no_assertion():
    with pytest.raises(MessageError) as raised:
        _ = saml.Judgement().assertion
    assert reason_of(raised) == "malformed_message"
    assert not saml.Judgement().accepted


def test_everything_wrong_is_shown_at_once():
    judgement = saml.judge(
        response(
            destination="https://evil.example",
            issuer="<saml:Issuer>https://evil.example</saml:Issuer>",
            confirmations=confirmation(recipient="https://evil.example", minutes=-60),
            conditions=conditions("<saml:OneTimeUse/>"),
            name_id="",
        ),
        expected(request_id="_another"),
    )
    assert [check.reason for check in judgement.checks if not check.passed] == [
        "issuer_mismatch",
        "destination_mismatch",
        "recipient_mismatch",
        "audience_mismatch",
        "in_response_to_mismatch",
        "expired",
        "name_id_missing",
    ]


def test_a_failed_signature_ends_the_judgement():
    judgement = saml.judge(response(signed="none", destination="https://evil.example"), expected())
    assert [check.check for check in judgement.checks] == [
        "message",
        "message_type",
        "status",
        "signature",
    ]
    assert judgement.verified is None


def test_a_status_is_shown_with_its_inner_codes():
    responder = "urn:oasis:names:tc:SAML:2.0:status:Responder"
    inner = (
        '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:RequestDenied"/>'
        "<samlp:StatusCode/>"
    )
    judgement = saml.judge(
        response(status=status(responder, inner, " Not %(assigned)s ")), expected()
    )
    check = judgement.checks[-1]
    assert check.received == "Responder / RequestDenied / none"
    assert saml.explain(check)[0].endswith("did not sign the person in. Not %(assigned)s")


def test_expected_and_received_are_told():
    judgement = saml.judge(response(destination="https://evil.example"), expected())
    [check] = [check for check in judgement.checks if not check.passed]
    assert (check.expected, check.received) == (ACS, "https://evil.example")


@pytest.mark.parametrize(
    ("check", "parts", "wanted", "shown"),
    [
        ("version", {}, "2.0", "2.0"),
        ("version", {"assertion_version": ""}, "2.0", "none"),
        ("version", {"assertion_version": "1.1"}, "2.0", "1.1"),
        ("version", {"version": ""}, "2.0", "none"),
        ("version", {"version": "3.0"}, "2.0", "3.0"),
        ("issuer", {}, IDP, IDP),
        ("issuer", {"response_issuer": "<saml:Issuer>x</saml:Issuer>"}, IDP, "x"),
        ("audience", {"conditions": conditions(audiences(SP, "x"))}, SP, f"{SP}, x"),
        ("audience", {"conditions": conditions(audiences(SP), audiences("x", "y"))}, SP, "x, y"),
        ("audience", {"conditions": ""}, SP, None),
        ("audience", {"conditions": conditions(audiences())}, SP, None),
        ("recipient", {"confirmations": confirmation(recipient=None)}, ACS, None),
        ("in_response_to", {}, REQUEST, REQUEST),
        ("in_response_to", {"confirmations": confirmation(in_response_to=None)}, REQUEST, None),
        ("in_response_to", {"confirmations": ""}, REQUEST, None),
        (
            "in_response_to",
            {"in_response_to": ""},
            "a response to our request",
            "an empty InResponseTo",
        ),
        (
            "in_response_to",
            {"confirmations": confirmation(in_response_to="")},
            "a response to our request",
            "an empty InResponseTo",
        ),
        ("authn_statement", {"statements": ""}, "an AuthnStatement", "none"),
        ("name_id", {"name_id": ""}, "a NameID", None),
    ],
)
def test_a_check_shows_what_was_wanted_and_what_came(check, parts, wanted, shown):
    judgement = saml.judge(response(**parts), expected())
    [found] = [one for one in judgement.checks if one.check == check]
    assert (found.expected, found.received) == (wanted, shown)


@pytest.mark.parametrize(
    ("signed", "covered"),
    [("assertion", "assertion"), ("response", "response"), ("both", "response")],
)
def test_a_signature_says_what_it_covers(signed, covered):
    judgement = saml.judge(response(signed=signed), expected())
    [check] = [one for one in judgement.checks if one.check == "signature"]
    assert saml.explain(check)[0] == (
        f"The {covered} is signed with rsa-sha256 by a trusted certificate."
    )


def test_a_long_name_id_is_shown_cut_but_accepted_whole():
    judgement = saml.judge(response(name_id=name_id("x" * 1000)), expected())
    shown = judgement.checks[-1].received
    assert shown is not None
    assert len(shown) == 300
    assert judgement.assertion.name_id is not None
    assert len(judgement.assertion.name_id.value) == 1000


def test_times_are_explained_in_seconds():
    judgement = saml.judge(response(conditions=conditions(ends="2030-01-31T11:50:00Z")), expected())
    [check] = [check for check in judgement.checks if not check.passed]
    assert check.received == "2030-01-31T11:50:00Z"
    assert check.expected == "2030-01-31T12:00:00Z ± 60 s"
    assert (
        saml.explain(check)[0]
        == "The assertion expired 600 seconds ago; clocks may differ by 60 seconds."
    )


def test_an_assertion_is_only_read_from_an_assertion():
    from passerelle.saml.assertion import read_assertion
    from passerelle.saml.xml import parse
    from passerelle.saml.xmldsig import verify

    from .keys import key_pair

    root = parse(response(signed="response", attributes=attributes(attribute("a", "1"))))
    signature = root.find("{http://www.w3.org/2000/09/xmldsig#}Signature")
    assert signature is not None
    verified = verify(signature, [key_pair().certificate])
    with pytest.raises(MessageError) as raised:
        read_assertion(verified)
    assert reason_of(raised) == "wrong_message"
    child = verified.child("{urn:oasis:names:tc:SAML:2.0:assertion}Assertion")
    assert read_assertion(child).attributes == {"a": ("1",)}


@pytest.mark.parametrize(
    ("parts", "request_id", "said"),
    [
        ({"in_response_to": ""}, "", "InResponseTo is empty"),
        ({"confirmations": confirmation(in_response_to=None)}, REQUEST, "leaves it out"),
        (
            {"in_response_to": None, "confirmations": confirmation(in_response_to="_x")},
            None,
            "Only the confirmation inside names one",
        ),
    ],
)
def test_a_request_that_is_not_named_properly_is_told_so(parts, request_id, said):
    judgement = saml.judge(response(**parts), expected(request_id=request_id))
    [check] = [check for check in judgement.checks if not check.passed]
    detail, fix = saml.explain(check)
    assert check.reason == "in_response_to_mismatch"
    assert said in detail
    assert "browser" not in (fix or "")
    assert check.expected != check.received


@pytest.mark.parametrize("signed", ["assertion", "response"])
def test_another_provider_s_response_is_told_by_its_issuer_and_offers_no_certificate(signed):
    other = f"{IDP}/another-realm"
    stranger = Signing(key=key_pair("stranger"))
    message = response(
        issuer=f"<saml:Issuer>{other}</saml:Issuer>", signing=stranger, signed=signed
    )
    judgement = saml.judge(message, expected())
    assert judgement.reason == "certificate_unknown"
    assert judgement.stranger is None
    check = judgement.checks[-1]
    assert (check.expected, check.received) == (IDP, other)
    detail, fix = saml.explain(check)
    assert other in detail
    assert (fix or "").startswith("Do not accept the certificate")


def test_another_provider_s_response_without_a_certificate_is_told_by_its_issuer():
    stranger = Signing(key=key_pair("stranger"), key_info="")
    message = response(issuer="<saml:Issuer>urn:x</saml:Issuer>", signing=stranger)
    judgement = saml.judge(message, expected())
    assert judgement.reason == "signature_invalid"
    assert "“urn:x”" in saml.explain(judgement.checks[-1])[0]


def test_the_own_provider_s_new_certificate_is_offered():
    judgement = saml.judge(response(signing=Signing(key=key_pair("stranger"))), expected())
    assert judgement.stranger == key_pair("stranger").certificate


def test_an_attribute_without_a_name_is_told_so():
    said = attributes(
        "<saml:Attribute><saml:AttributeValue>x</saml:AttributeValue></saml:Attribute>"
    )
    judgement = saml.judge(response(attributes=said), expected())
    assert judgement.reason == "attribute_without_name"


def test_another_canonicalisation_is_told_with_where_to_choose_it():
    inclusive = Signing(
        edit_info=lambda info: info.replace(EXC, "http://www.w3.org/2006/12/xml-c14n11")
    )
    judgement = saml.judge(response(signing=inclusive), expected())
    assert judgement.reason == "signature_profile_forbidden"
    _detail, fix = saml.explain(judgement.checks[-1])
    assert "exclusive canonicalisation" in (fix or "")
    assert "Enable SAML C14N10" in (fix or "")
