"""Signature wrapping: what was signed is moved aside, and something forged takes its place."""

import pytest

from ..response_builder import IDP, attributes
from .cases import (
    EVIL,
    Attack,
    ds,
    moved,
    names,
    refuse,
    replaced,
    samlp,
)
from .moves import (
    assertion_without_signature_beside,
    empty_encrypted_beside,
    encrypted_beside,
    forged_aside,
    into_advice,
    into_attribute,
    into_status,
    response_in_extensions,
    response_in_response,
    second_subject,
    signature_in_extensions,
    signature_in_key_info,
    signature_in_signature,
    signature_in_subject,
    signature_lifted,
    signature_lowered,
    signature_only,
    signature_twice,
    two_signed,
    whole_response_aside,
    xsw1,
    xsw2,
    xsw3,
    xsw4,
    xsw5,
    xsw6,
    xsw7,
    xsw8,
)

XSW = {
    f"XSW{number}": change
    for number, change in enumerate((xsw1, xsw2, xsw3, xsw4, xsw5, xsw6, xsw7, xsw8), 1)
}
SIGNED_RESPONSE = {"signed": "response"}
BOTH = {"signed": "both"}

WRAPPED = tuple(
    Attack(
        name=f"{name}, {base} signed",
        reason="assertion_count",
        parts={"signed": base},
        change=moved(change),
    )
    for name, change in XSW.items()
    for base in ("assertion", "response", "both")
    if base != "assertion" or name not in ("XSW1", "XSW2")
)

PLACES = tuple(
    Attack(name=name, reason="assertion_count", change=moved(change))
    for name, change in (
        ("original in Extensions", whole_response_aside(samlp("Extensions"))),
        ("original in a strange element", whole_response_aside("{urn:example:x}box")),
        ("original in an element of no namespace", whole_response_aside("box", "box")),
        ("original in StatusDetail", into_status),
        ("original in Advice", into_advice),
        ("original in an AttributeValue", into_attribute),
        ("forged one in Extensions", forged_aside(samlp("Extensions"))),
        ("forged one in Object", forged_aside(ds("Signature"), ds("Object"))),
        ("forged response inside", response_in_response),
        ("signed response inside Extensions", response_in_extensions),
        ("unsigned one after the signed", assertion_without_signature_beside),
        ("forged one in EncryptedAssertion", encrypted_beside),
        ("EncryptedAssertion before the signed", empty_encrypted_beside),
        ("the same signed one twice", two_signed),
    )
)

SIGNATURES = (
    *(
        Attack(name=name, reason="signature_profile_forbidden", change=moved(change))
        for name, change in (
            ("signature in Extensions", signature_in_extensions),
            ("signature in Subject", signature_in_subject),
            ("signature twice", signature_twice),
            ("signature in the Object of the signature", signature_in_signature),
            ("signature in KeyInfo", signature_in_key_info),
        )
    ),
    Attack(
        name="original under another name, its signature on a forged one of its ID",
        reason="signature_profile_forbidden",
        change=moved(signature_only),
    ),
    Attack(
        name="signature lifted to the response, which takes the ID",
        reason="signature_invalid",
        change=moved(signature_lifted),
    ),
    Attack(
        name="signature lowered to the assertion",
        reason="signature_profile_forbidden",
        parts=SIGNED_RESPONSE,
        change=moved(signature_lowered),
    ),
    Attack(
        name="second subject in a signed assertion",
        reason="signature_invalid",
        change=moved(second_subject),
    ),
    Attack(
        name="signature of the response on a forged copy of the assertion",
        reason="signature_invalid",
        parts=BOTH,
        change=replaced(">u-1<", f">{EVIL}<"),
    ),
    Attack(
        name="an EncryptedAssertion with the signature of nothing",
        reason="signature_profile_forbidden",
        parts={"assertion": "<saml:EncryptedAssertion/>", "signed": "none"},
        change=replaced(
            "<saml:EncryptedAssertion/>",
            '<saml:EncryptedAssertion><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>'
            "</saml:EncryptedAssertion>",
        ),
    ),
)

IDS = (
    *(
        Attack(
            name=f"the assertion's ID again as {name}",
            reason="signature_profile_forbidden",
            parts={"extensions": "<samlp:Extensions><x/></samlp:Extensions>"},
            change=replaced("<x/>", f'<x {name}="_assertion"/>'),
        )
        for name in ("ID", "Id", "id", "iD", "xml:id")
    ),
    Attack(
        name="response and assertion of one ID",
        reason="signature_profile_forbidden",
        change=replaced('ID="_response"', 'ID="_assertion"'),
    ),
    Attack(
        name="an ID twice inside what is signed",
        reason="signature_profile_forbidden",
        parts={
            "attributes": attributes(
                '<saml:Attribute Name="a"><saml:AttributeValue>'
                '<x Id="i"/><y ID="i"/></saml:AttributeValue>'
                "</saml:Attribute>"
            )
        },
    ),
    Attack(
        name="an ID in a namespace",
        reason="signature_profile_forbidden",
        parts={"extensions": "<samlp:Extensions><x/></samlp:Extensions>"},
        change=replaced("<x/>", '<x xmlns:x="urn:example:x" x:ID="_assertion"/>'),
    ),
    Attack(
        name="an ID written with a reference",
        reason="signature_profile_forbidden",
        parts={"extensions": "<samlp:Extensions><x/></samlp:Extensions>"},
        change=replaced("<x/>", '<x ID="_&#97;ssertion"/>'),
    ),
    Attack(
        name="the ID under another name on the assertion",
        reason="signature_profile_forbidden",
        change=replaced('ID="_assertion"', 'Id="_assertion"'),
    ),
    Attack(
        name="no ID on the response",
        reason="malformed_message",
        change=replaced('ID="_response" ', ""),
    ),
    Attack(
        name="an empty ID on the response",
        reason="malformed_message",
        change=replaced('ID="_response"', 'ID=""'),
    ),
    Attack(
        name="no ID on the assertion, and a Reference to none",
        reason="malformed_message",
        parts={"assertion_id": ""},
    ),
)

NONE_SIGNED = (
    *(
        Attack(name=name, reason="signature_missing", parts={"signed": "none", **parts})
        for name, parts in (
            ("nothing signed", {}),
            ("no assertion and nothing signed", {"assertion": ""}),
            ("a signature in a comment", {"extensions": "<!--<ds:Signature/>-->"}),
            (
                "a signature of another namespace",
                {"extensions": '<Signature xmlns="http://www.w3.org/2000/09/xmldsig"/>'},
            ),
            ("a signature without a namespace", {"extensions": "<Signature/>"}),
        )
    ),
    Attack(
        name="an assertion of another namespace",
        reason="signature_missing",
        parts={"signed": "none"},
        change=lambda message: message.replace(
            b"urn:oasis:names:tc:SAML:2.0:assertion", b"urn:oasis:names:tc:SAML:1.0:assertion"
        ),
    ),
    Attack(
        name="an assertion in the protocol namespace, signed by the identity provider",
        reason="assertion_count",
        parts={
            "signed": "response",
            "assertion": f'<samlp:Assertion ID="_a"><saml:Issuer>{IDP}</saml:Issuer>'
            "</samlp:Assertion>",
        },
    ),
)

ATTACKS = (*WRAPPED, *PLACES, *SIGNATURES, *IDS, *NONE_SIGNED)


@pytest.mark.parametrize("attack", ATTACKS, ids=names(ATTACKS))
def test_wrapping_is_refused(attack: Attack):
    refuse(attack)
