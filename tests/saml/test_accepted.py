"""Good responses are accepted, with exactly their claims."""

from datetime import timedelta

import pytest

from passerelle import saml

from .accepted.cases import EMAIL, UNSPECIFIED, Valid
from .accepted.encrypted import ENCRYPTED
from .accepted.forms import ALGORITHMS, FORMS
from .accepted.providers import PROVIDERS
from .accepted.rules import ATTRIBUTES, RULES
from .encryption import Encryption
from .keys import key_pair
from .response_builder import (
    ACS,
    IDP,
    NOW,
    attribute,
    attributes,
    authn_statement,
    confirmation,
    expected,
    name_id,
    response,
)

VALID = (*PROVIDERS, *FORMS, *RULES, *ALGORITHMS, *ATTRIBUTES, *ENCRYPTED)


@pytest.mark.parametrize("row", VALID, ids=[row.name for row in VALID])
def test_a_valid_response_is_accepted_with_its_claims(row: Valid):
    message = saml.decode_response(row.carry(response(**row.parts)))
    judgement = saml.judge(message, expected(**row.expected))
    assert judgement.reason is None, judgement.checks[-1]
    assert judgement.accepted
    assert judgement.assertion.name_id is not None
    assert judgement.assertion.name_id.value == row.name_id
    assert judgement.assertion.attributes == row.attributes
    assert all(check.passed for check in judgement.checks)


def test_there_are_rows_for_every_shape():
    assert len(VALID) >= 120
    assert len({row.name for row in VALID}) == len(VALID)


def test_an_accepted_assertion_carries_what_a_session_needs():
    judgement = saml.judge(
        response(name_id=name_id("alice@acme.example", EMAIL), signed="both"), expected()
    )
    assertion = judgement.assertion
    assert assertion.name_id == saml.NameID("alice@acme.example", EMAIL)
    assert assertion.session_index == "_session"
    assert (assertion.id, assertion.issuer) == ("_assertion", IDP)
    assert judgement.certificate == key_pair().certificate
    assert [check.check for check in judgement.checks] == [
        "message",
        "message_type",
        "status",
        "signature",
        "version",
        "issuer",
        "destination",
        "recipient",
        "audience",
        "subject_confirmation",
        "in_response_to",
        "expiry",
        "start",
        "authn_statement",
        "name_id",
    ]


def test_a_name_id_without_format_is_unspecified():
    judgement = saml.judge(response(name_id=name_id("u-1", None)), expected())
    assert judgement.assertion.name_id == saml.NameID("u-1", UNSPECIFIED)


def test_a_name_id_is_read_with_its_qualifiers():
    sent = (
        f'<saml:NameID Format="{EMAIL}" NameQualifier="a" SPNameQualifier="b" SPProvidedID="c">'
        "x@acme.example</saml:NameID>"
    )
    judgement = saml.judge(response(name_id=sent), expected())
    assert judgement.assertion.name_id == saml.NameID("x@acme.example", EMAIL, "a", "b", "c")


def test_five_thousand_groups_are_read():
    groups = [f"group-{number}" for number in range(5000)]
    said = attributes(attribute("groups", *groups))
    judgement = saml.judge(response(attributes=said), expected())
    assert judgement.assertion.attributes == {"groups": tuple(groups)}


@pytest.mark.parametrize(
    ("said", "came"),
    [
        (
            [attribute(f"a{one}", "v") for one in range(1001)],
            "1001 attributes came. At most 1000 are read at a sign-in.",
        ),
        (
            [attribute("a", *["v"] * 20_001)],
            "20001 values of attributes came. At most 20000 are read at a sign-in.",
        ),
        (
            [attribute(f"a{one}", *["v"] * 300) for one in range(100)],
            "30000 values of attributes came. At most 20000 are read at a sign-in.",
        ),
    ],
)
def test_more_attributes_than_are_read_are_refused_with_how_many_came(said, came):
    judgement = saml.judge(response(attributes=attributes(*said)), expected())
    assert judgement.reason == "message_too_large"
    detail, _fix = saml.explain(judgement.checks[-1])
    assert detail == came


LONGEST, LONGER = "n" * 1024, "n" * 1025


@pytest.mark.parametrize("part", ["NameQualifier", "SPNameQualifier", "SPProvidedID", "Format"])
def test_a_part_of_the_name_id_is_as_long_as_a_session_keeps_it(part):
    def judged(value: str) -> saml.Judgement:
        sent = f'<saml:NameID {part}="{value}">u-1</saml:NameID>'
        return saml.judge(response(name_id=sent), expected())

    assert judged(LONGEST).accepted
    refused = judged(LONGER).checks[-1]
    assert (refused.reason, refused.received) == ("message_too_large", f"{part} of 1025 characters")
    assert saml.explain(refused)[0].startswith(f"The {part} that came has 1025")


def test_a_name_id_or_session_index_that_is_longer_is_refused_encrypted_or_not():
    def judged(**parts) -> saml.Judgement:
        return saml.judge(response(**parts), expected())

    assert judged(name_id=name_id(LONGEST), statements=authn_statement(session=LONGEST)).accepted
    sealed = {"encrypted_parts": {"saml:NameID": Encryption()}}
    for too_long in (
        {"name_id": name_id(LONGER)},
        {"name_id": name_id(LONGER), **sealed},
        {"statements": authn_statement(session=LONGER)},
    ):
        judgement = judged(**too_long)
        assert judgement.reason == "message_too_large"
        detail, fix = saml.explain(judgement.checks[-1])
        assert "1025 characters. At most 1024 are read." in detail
        assert "shorter" in (fix or "")


def test_a_session_ends_with_its_first_statement_to_end():
    statements = (
        authn_statement(session=None)
        + authn_statement(session="_s2", ends="2030-01-31T15:00:00Z")
        + authn_statement(session="_s3", ends="2030-01-31T14:00:00Z")
    )
    assertion = saml.judge(response(statements=statements), expected()).assertion
    assert assertion.session_index == "_s2"
    assert assertion.session_not_on_or_after == NOW.replace(hour=14)


def test_the_recipient_is_the_one_that_fits():
    judgement = saml.judge(
        response(confirmations=confirmation(recipient="https://a.example") + confirmation()),
        expected(),
    )
    [recipient] = [check for check in judgement.checks if check.check == "recipient"]
    assert recipient.received == ACS


def test_attributes_are_found_by_friendly_name_unless_another_has_that_name():
    said = attributes(
        attribute("urn:oid:1", "a@acme.example", more='FriendlyName="mail"'),
        attribute("urn:oid:2", "x", more='FriendlyName="uid"'),
        attribute("uid", "u-7"),
    )
    assertion = saml.judge(response(attributes=said), expected()).assertion
    assert assertion.friendly_names == {"urn:oid:1": "mail", "urn:oid:2": "uid"}
    assert assertion.named_attributes["mail"] == ("a@acme.example",)
    assert assertion.named_attributes["uid"] == ("u-7",)


def test_an_assertion_says_when_and_how_the_person_was_authenticated():
    assertion = saml.judge(response(), expected()).assertion
    assert assertion.authenticated_at == NOW
    assert assertion.authn_contexts == ("urn:oasis:names:tc:SAML:2.0:ac:classes:Password",)


def test_what_was_asked_of_the_authentication_is_checked():
    asked = {
        "authenticated_since": NOW - timedelta(seconds=30),
        "authn_contexts": ("urn:other", "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"),
    }
    judgement = saml.judge(response(), expected(**asked))
    assert judgement.accepted
    assert [one.check for one in judgement.checks][-3:] == [
        "authentication",
        "authn_context",
        "name_id",
    ]


def test_an_attribute_without_a_name_is_told_by_those_that_came_before_it():
    said = attributes(
        attribute("email", "a@acme.example"),
        '<saml:Attribute FriendlyName="given"><saml:AttributeValue>Ada</saml:AttributeValue>'
        "</saml:Attribute>",
    )
    judgement = saml.judge(response(attributes=said), expected())
    assert judgement.reason == "attribute_without_name"
    refused = judgement.checks[-1]
    assert refused.received == "given"
    assert saml.explain(refused)[0].endswith("these names: email.")
